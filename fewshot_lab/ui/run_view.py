"""One pretraining run on the page: how far, how healthy, whether it helps, and what to do."""

from typing import Any

import streamlit as st

from fewshot_lab.pretrain import pictures_of
from fewshot_lab.project import Project
from fewshot_lab.runs import Run, relaunch_run
from fewshot_lab.ui import backbone_trial, chart_parts, run_charts
from fewshot_lab.ui.on_error import alert, note, sentences
from fewshot_lab.ui.run_words import helping_html, last_step_sentence, progress_bar, recipe_value
from fewshot_lab.words import ago, count

WATCHED = "A run may look like this for a while; if it lasts 100 steps, the run is paused."


def show(project: Project, run: Run) -> None:
    """Draw a run; while it is active, again every two seconds."""
    active = run.status().active

    @st.fragment(run_every=2.0 if active else None)
    def watch() -> None:
        with sentences():
            if active and not run.status().active:
                st.rerun()
            draw_progress(run)

    @st.fragment(run_every=10.0 if active else None)
    def illustrate() -> None:
        with sentences():
            draw_pictures(run)

    watch()
    illustrate()
    if run.backbone is not None:
        st.divider()
        backbone_trial.show(project, f"run:{run.name}")
    draw_details(run)


def draw_progress(run: Run) -> None:
    """Draw what changes while a run is active."""
    status = run.status()
    st.html(progress_bar(run))
    if status.state == "failed" and status.message:
        alert(status.message)
    elif status.message and status.state != "finished":
        st.caption(status.message)
    draw_buttons(run)
    health = run.health()
    # A run that paused for its health has said so above.
    if health is not None and health["state"] == "good":
        note(f"Healthy. {health['sentence']}")
    elif health is not None and health["state"] == "watch":
        note(f"Watched: perhaps {health['name']}. {health['sentence']} {WATCHED}")
    elif health is not None and health["sentence"] not in status.message:
        alert(f"{health['name'].capitalize()}. {health['sentence']} {health['advice']}")
    elif health is not None:
        st.caption(f"Health: {health['name']}.")
    checks = run.checks()
    if checks:
        st.html(helping_html(checks))
    rows = [row for row in run.metrics() if row.get("kind") == "step"]
    if not rows and not checks:
        st.caption("The curves begin with the first steps.")
        return
    figures = [run_charts.helping([run]), run_charts.helping([run], "logistic")]
    if rows:
        figures += run_charts.curves(run)
    shown = [figure for figure in figures if figure is not None]
    for row in range(0, len(shown), 2):
        for column, figure in zip(st.columns(2, gap="medium"), shown[row : row + 2], strict=False):
            column.plotly_chart(
                figure, config=chart_parts.CONFIG, key=f"fl-{run.name}-{figure.layout.title.text}"
            )
    if rows:
        st.caption(last_step_sentence(rows[-1]))


def draw_buttons(run: Run) -> None:
    """Draw stop, resume, clone and delete."""
    status = run.status()
    with st.container(horizontal=True, gap="small"):
        if status.active and run.started:
            stopping = run.job.stopping
            if st.button(
                "Stopping…" if stopping else "Stop", key=f"fl-stop-{run.name}", disabled=stopping
            ):
                run.stop()
                st.rerun(scope="app")
            if run.job.waits_in_queue and st.button(
                "Begin now",
                key=f"fl-now-{run.name}",
                help="Beside the other work: both will be slower, and must share the memory.",
            ):
                run.job.begin_now()
                st.rerun(scope="app")
            return
        health = run.health() or {}
        advised = health.get("changes") if health.get("state") == "bad" else None
        if advised and st.button(
            "Clone with this change", key=f"fl-advised-{run.name}", type="primary"
        ):
            _clone(run, advised)
        if status.state != "finished" and st.button(
            "Resume" if run.started else "Start",
            key=f"fl-resume-{run.name}",
            type="secondary" if advised else "primary",
        ):
            relaunch_run(run)
            st.rerun(scope="app")
        if st.button("Clone with changes", key=f"fl-clone-{run.name}"):
            _clone(run, {})
        with st.popover("Delete"):
            st.caption("Its checkpoints and its backbone are deleted; labels stay.")
            if st.button("Delete the run", key=f"fl-delete-{run.name}"):
                run.delete()
                st.session_state.pop("fl-run", None)
                st.rerun(scope="app")


def _clone(run: Run, changes: dict[str, Any]) -> None:
    st.session_state["fl-clone"] = run.name
    st.session_state["fl-clone-changes"] = changes
    st.session_state.pop("fl-run", None)
    st.rerun(scope="app")


def draw_pictures(run: Run) -> None:
    """Draw the last lines of the log, the crops, and where a transformer looks over time."""
    lines = [line for line in run.log(30).splitlines() if line.strip()][-6:]
    events = [row for row in run.metrics() if row.get("kind") == "event"][-6:]
    with st.expander("Log", expanded=run.status().active):
        for row in events:
            st.caption(f"Step {count(row['step'])}, {ago(row['time'])}: {row['sentence']}")
        if lines:
            st.code("\n".join(lines), language=None)
        elif not events:
            st.caption("Nothing written yet.")
    crops, attention = pictures_of(run.folder)
    if crops is not None:
        with st.expander("Crops as the network sees them"):
            st.image(str(crops))
            st.caption("A row for each image: two global crops, then the local ones.")
    if attention:
        with st.expander("Where it looks"):
            names = {f"step {count(step)}": path for step, path in attention}
            chosen = (
                st.select_slider("Step", list(names), value=list(names)[-1])
                if len(names) > 1
                else next(iter(names))
            )
            st.image(str(names[chosen]))
            st.caption(
                "Bright is where the class token of the last block looks (mean of its heads), on "
                "the same images at each step."
            )


def draw_details(run: Run) -> None:
    """Draw the recipe and the job's script, folded."""
    script = run.folder / "job.sbatch"
    if script.is_file():
        with st.expander("job.sbatch"):
            st.code(script.read_text(encoding="utf-8"), language="bash")
            st.caption(f"To submit it by hand, as it is or edited: sbatch {script}")
    with st.expander("Recipe"):
        reasons = run.spec.get("reasons", {})
        st.dataframe(
            [
                {"value": name, "is": recipe_value(value), "why": reasons.get(name, "")}
                for name, value in run.recipe.to_dict().items()
            ],
            hide_index=True,
            width="stretch",
        )
