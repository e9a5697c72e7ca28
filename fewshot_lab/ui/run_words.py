"""A pretraining run in words: state, progress, and whether it helps."""

from typing import Any

from fewshot_lab.jobs import Status
from fewshot_lab.runs import Run
from fewshot_lab.ui.fragments import fragment
from fewshot_lab.words import count, duration

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
    return fragment("runs", "progress", words, f"{steps}{left}", share)


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


def knn_gain(checks: list[dict[str, Any]]) -> dict[str, float] | None:
    """Return the gain in kNN's balanced accuracy over the frozen start, with its interval.

    It is paired; of runs that did not keep it, the start's value counts as if it were sure.
    """
    first, last = checks[0].get("knn"), checks[-1].get("knn")
    if not first or not last:
        return None
    kept: dict[str, float] | None = checks[-1].get("knn_gain")
    return kept or {k: last[k] - first["value"] for k in ("value", "low", "high")}


def helping_html(checks: list[dict[str, Any]]) -> str:
    """Return “is it helping?” in a sentence, as HTML."""
    several = len(checks) > 1
    return fragment("runs", "helping", checks[0], checks[-1], knn_gain(checks), several)


def recipe_value(value: object) -> str:
    """Return a value of a recipe as people write it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
