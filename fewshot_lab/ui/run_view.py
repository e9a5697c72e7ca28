"""One pretraining run on the page: how far, how healthy, whether it helps, and what to do."""

import streamlit as st

from fewshot_lab.jobs import Status
from fewshot_lab.pretrain import pictures_of
from fewshot_lab.project import Project
from fewshot_lab.runs import Run, launch_again
from fewshot_lab.ui import backbone_trial, run_charts
from fewshot_lab.ui.on_error import alert, note, sentences
from fewshot_lab.ui.words import ago, count, duration, escape, signed

STATES = {
    "queued": "waiting",
    "running": "training",
    "stopped": "stopped",
    "failed": "failed",
    "finished": "finished",
}

WATCHED = "A run may look so for a while; what lasts 100 steps pauses it."


def show(project: Project, run: Run) -> None:
    """Draw a run; while it is active, again every two seconds."""
    active = run.status().active

    @st.fragment(run_every=2.0 if active else None)
    def watch() -> None:
        with sentences():
            if active and not run.status().active:
                st.rerun()
            draw(run)

    @st.fragment(run_every=10.0 if active else None)
    def look() -> None:
        with sentences():
            pictures(run)

    watch()
    look()
    if run.backbone is not None:
        st.divider()
        backbone_trial.show(project, f"run:{run.name}")
    details(run)


def headline(run: Run) -> str:
    """Return state, progress and health as HTML."""
    status = run.status()
    total = status.total or run.recipe.steps
    steps = f"{count(status.done)} of {count(total)} steps"
    left = ""
    if status.state == "running" and status.stage == "pretraining" and status.seconds_left:
        left = f" · {duration(status.seconds_left)} left"
    words = state_word(run, status)
    share = 100 * status.done / total if total else 0
    if status.state == "running" and status.stage not in ("", "pretraining"):
        words = "reading the images" if status.stage == "decoding" else status.stage
        stage = run.job.status()
        if stage.total:
            steps = f"{count(stage.done)} of {count(stage.total)}"
            share = 100 * stage.done / stage.total
    line = f"<span>{escape(words[:1].upper() + words[1:])}</span><span>{steps}{left}</span>"
    return (
        f'<div class="fl-job" role="status"><div class="line">{line}</div>'
        f'<div class="fl-bar"><i style="width:{share:.1f}%"></i></div></div>'
    )


def state_word(run: Run, status: Status) -> str:
    """Return the state of a run in a word or two."""
    if status.state == "failed" and (run.health() or {}).get("state") == "bad":
        return "paused by its health check"
    return STATES.get(status.state, status.state)


def draw(run: Run) -> None:
    """Draw what changes while a run is active."""
    status = run.status()
    st.html(headline(run))
    if status.state == "failed" and status.message:
        alert(status.message)
    elif status.message and status.state != "finished":
        st.caption(status.message)
    buttons(run)
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
        st.html(said(checks))
    rows = [row for row in run.metrics() if row.get("kind") == "step"]
    if not rows and not checks:
        st.caption("The curves begin with the first steps.")
        return
    figures = [run_charts.helping([run]), run_charts.helping([run], "logistic")]
    if rows:
        figures += [run_charts.loss(run), run_charts.entropies(run)]
        figures += [run_charts.rank([run]), run_charts.speed(run)]
    shown = [figure for figure in figures if figure is not None]
    for row in range(0, len(shown), 2):
        for column, figure in zip(st.columns(2, gap="medium"), shown[row : row + 2], strict=False):
            column.plotly_chart(
                figure, config=run_charts.CONFIG, key=f"fl-{run.name}-{figure.layout.title.text}"
            )
    if rows:
        st.caption(lately(rows[-1]))


def lately(row: dict) -> str:
    """Return what no chart shows of the last look, in a sentence."""
    norm = row["gradient_norm"]
    words = [f"learning rate {row['learning_rate']:.2g}"]
    words += [f"gradient norm {norm:.2g}"] if norm is not None else []
    words += [f"{100 * row['waiting_share']:.0f} % of the time spent waiting for data"]
    return f"At step {count(row['step'])}: {', '.join(words)}."


def gained(checks: list[dict]) -> dict[str, float]:
    """Return the gain in kNN's balanced accuracy over the frozen start, with its interval.

    It is paired; of runs that did not keep it, the start's value counts as if it were sure.
    """
    first, last = checks[0]["knn"], checks[-1]["knn"]
    kept: dict[str, float] | None = checks[-1].get("knn_gain")
    return kept or {k: last[k] - first["value"] for k in ("value", "low", "high")}


def said(checks: list[dict]) -> str:
    """Return “is it helping?” in a sentence, as HTML."""
    first, last = checks[0], checks[-1]
    if not last.get("knn") or not first.get("knn"):
        return (
            '<div class="fl-muted">Without labels of two classes nothing can tell whether it '
            f"helps; the effective rank is {last['rank']:.0f}, after {first['rank']:.0f} at the "
            "start.</div>"
        )
    knn, start, gain = last["knn"], first["knn"], gained(checks)
    between = f"({knn['low']:.3f}–{knn['high']:.3f}, n = {count(knn['n'])})"
    if len(checks) == 1:
        return (
            f'<div>The frozen start: kNN {knn["value"]:.3f} <span class="fl-muted">{between}</span>'
            "; no later look yet.</div>"
        )
    word = "Not told apart from the start so far"
    if gain["low"] > 0:
        word = "It helps"
    elif gain["high"] < 0:
        word = "It does harm"
    points = "{value} points ({low} to {high})".format(
        **{key: signed(100 * value) for key, value in gain.items()}
    )
    return (
        f"<div>{word}: kNN {knn['value']:.3f} "
        f'<span class="fl-muted">{between}</span>'
        f", {points} against the frozen start's {start['value']:.3f}.</div>"
    )


def buttons(run: Run) -> None:
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
            launch_again(run)
            st.rerun(scope="app")
        if st.button("Clone with changes", key=f"fl-clone-{run.name}"):
            _clone(run, {})
        with st.popover("Delete"):
            st.caption("Its checkpoints and its backbone go; labels stay.")
            if st.button("Delete the run", key=f"fl-delete-{run.name}"):
                run.delete()
                st.session_state.pop("fl-run", None)
                st.rerun(scope="app")


def _clone(run: Run, changes: dict) -> None:
    st.session_state["fl-clone"] = run.name
    st.session_state["fl-clone-changes"] = changes
    st.session_state.pop("fl-run", None)
    st.rerun(scope="app")


def pictures(run: Run) -> None:
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


def details(run: Run) -> None:
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
                {"value": name, "is": plain(value), "why": reasons.get(name, "")}
                for name, value in run.recipe.to_dict().items()
            ],
            hide_index=True,
            width="stretch",
        )


def plain(value: object) -> str:
    """Return a value of a recipe as people write it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def foremost(runs: list[Run]) -> str | None:
    """Return the run to look at first: one that trains, else one that waits, else the newest."""
    order = {"running": 0, "queued": 1}
    first = min(runs, key=lambda run: order.get(run.status().state, 2), default=None)
    return first.name if first is not None else None


def overview(runs: list[Run]) -> None:
    """Draw the table of all runs, anew every few seconds while one is active, and compare some."""
    active = any(run.started and run.status().active for run in runs)

    @st.fragment(run_every=5.0 if active else None)
    def table() -> None:
        with sentences():
            st.html(listed(runs))

    table()
    begun = [run.name for run in runs if run.metrics()]
    if len(begun) < 2:
        return
    compared = st.multiselect(
        "Compare", begun, default=begun[:3], max_selections=6, key="fl-compare"
    )
    picked = [run for run in runs if run.name in compared]
    if len(picked) > 1:
        figures = [run_charts.helping(picked), run_charts.rank(picked)]
        figures += [run_charts.loss_share(picked)]
        shown = [figure for figure in figures if figure is not None]
        for column, figure in zip(st.columns(len(shown), gap="medium"), shown, strict=True):
            column.plotly_chart(figure, config=run_charts.CONFIG)


def health_word(health: dict) -> str:
    """Return what ails a run in two or three words, empty where nothing does."""
    name = str(health.get("name") or "")
    return f"perhaps {name}" if health.get("state") == "watch" else name


def listed(runs: list[Run]) -> str:
    """Return all runs as a table, as HTML."""
    rows = ""
    for run in runs:
        status = run.status()
        total = status.total or run.recipe.steps
        checks = run.checks()
        knn = "</td><td>"
        if checks and checks[-1].get("knn") and checks[0].get("knn"):
            found, last = gained(checks), checks[-1]["knn"]
            between = f"{last['low']:.3f}–{last['high']:.3f}, n = {count(last['n'])}"
            points = (
                f"{signed(100 * found['value'])} <span class='fl-muted'>"
                f"({signed(100 * found['low'])} to {signed(100 * found['high'])})</span>"
                if len(checks) > 1
                else ""
            )
            knn = (
                f"{last['value']:.3f} <span class='fl-muted'>({between})</span>"
                f"</td><td class='n'>{points}"
            )
        health = run.health() or {}
        rows += (
            f"<tr><td>{escape(run.name)}</td><td>{escape(state_word(run, status))}"
            f"</td><td class='n'>{count(status.done)} / {count(total)}</td><td class='n'>{knn}</td>"
            f"<td>{escape(health_word(health))}</td>"
            f"<td>{escape(run.source)}</td></tr>"
        )
    head = "".join(
        f"<th{' class=n' if n else ''}>{t}</th>"
        for t, n in (
            ("Run", 0),
            ("State", 0),
            ("Steps", 1),
            ("kNN", 1),
            ("Gain, points", 1),
            ("Health", 0),
            ("Images of", 0),
        )
    )
    return (
        f'<div class="fl-wide"><table class="fl-table runs"><tr>{head}</tr>{rows}</table></div>'
        if rows
        else ""
    )
