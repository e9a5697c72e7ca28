"""A pretraining run in words: state, progress, and whether it helps."""

from html import escape
from typing import Any

from fewshot_lab.jobs import Status
from fewshot_lab.runs import Run
from fewshot_lab.words import count, duration, percent, signed

STATES = {
    "queued": "waiting",
    "running": "training",
    "stopped": "stopped",
    "failed": "failed",
    "finished": "finished",
}


def progress_bar(run: Run) -> str:
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


def last_step_sentence(row: dict[str, Any]) -> str:
    """Return what no chart shows of the last look, in a sentence."""
    norm = row["gradient_norm"]
    words = [f"learning rate {row['learning_rate']:.2g}"]
    words += [f"gradient norm {norm:.2g}"] if norm is not None else []
    words += [f"{100 * row['waiting_share']:.0f} % of the time spent waiting for data"]
    return f"At step {count(row['step'])}: {', '.join(words)}."


def knn_gain(checks: list[dict[str, Any]]) -> dict[str, float]:
    """Return the gain in kNN's balanced accuracy over the frozen start, with its interval.

    It is paired; of runs that did not keep it, the start's value counts as if it were sure.
    """
    first, last = checks[0]["knn"], checks[-1]["knn"]
    kept: dict[str, float] | None = checks[-1].get("knn_gain")
    return kept or {k: last[k] - first["value"] for k in ("value", "low", "high")}


def helping_html(checks: list[dict[str, Any]]) -> str:
    """Return “is it helping?” in a sentence, as HTML."""
    first, last = checks[0], checks[-1]
    if not last.get("knn") or not first.get("knn"):
        return (
            '<div class="fl-muted">Without labels of two classes nothing can tell whether it '
            f"helps; the effective rank is {last['rank']:.0f}, after {first['rank']:.0f} at the "
            "start.</div>"
        )
    knn, start, gain = last["knn"], first["knn"], knn_gain(checks)
    between = f"({100 * knn['low']:.1f}–{100 * knn['high']:.1f}, n = {count(knn['n'])})"
    if len(checks) == 1:
        return (
            f"<div>The frozen start: kNN {percent(knn['value'], 1)} "
            f'<span class="fl-muted">{between}</span>'
            "; no later look yet.</div>"
        )
    word = "No clear difference from the start so far"
    if gain["low"] > 0:
        word = "It helps"
    elif gain["high"] < 0:
        word = "It does harm"
    points = "{value} points ({low} to {high})".format(
        **{key: signed(100 * value) for key, value in gain.items()}
    )
    return (
        f"<div>{word}: kNN {percent(knn['value'], 1)} "
        f'<span class="fl-muted">{between}</span>'
        f", {points} against the frozen start's {percent(start['value'], 1)}.</div>"
    )


def recipe_value(value: object) -> str:
    """Return a value of a recipe as people write it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
