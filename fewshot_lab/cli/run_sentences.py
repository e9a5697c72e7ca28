"""A run in words, and as JSON can hold it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fewshot_lab.words import percent, plural, points, share_of

if TYPE_CHECKING:
    from fewshot_lab.jobs import Status
    from fewshot_lab.runs import Run


def described(run: Run) -> dict[str, Any]:
    """Return all about a run, as JSON can hold it."""
    status = run.status()
    rows = run.metrics()
    steps = [row for row in rows if row["kind"] == "step"]
    checks = [row for row in rows if row["kind"] == "check"]
    total = status.total or run.recipe.steps
    return {
        "name": run.name,
        "state": status.state,
        "step": status.done,
        "steps": total,
        "progress": status.done / total if total else 0.0,
        "seconds_left": status.seconds_left,
        "message": status.message,
        "health": run.health(),
        "metrics": steps[-1] if steps else None,
        "check": checks[-1] if checks else None,
        "frozen_start": checks[0] if checks else None,
        "weights": str(run.backbone) if run.backbone else None,
        "backbone": f"run:{run.name}" if run.backbone else None,
        "unreadable": run.unreadable,
        "folder": str(run.folder),
        "projects": run.spec.get("projects", []),
        "where": run.spec.get("where"),
        "launcher": run.spec.get("launcher"),
        "device": run.spec.get("device"),
    }


def state_line(run: Run, status: Status) -> str:
    """Return state and progress, and what it does before the first step."""
    before = status.state == "running" and status.stage not in ("", "pretraining")
    state = f"{status.state} ({status.stage})" if before else status.state
    text = f"{run.name}: {state}, step {status.done:,} of {status.total or 0:,}."
    return f"{text} {status.message}".rstrip()


def in_words(run: Run) -> str:
    """Return loss, speed, the last check beside the frozen start, and health, in words."""
    rows = run.metrics()
    steps = [row for row in rows if row["kind"] == "step"]
    checks = [row for row in rows if row["kind"] == "check"]
    words = []
    if steps:
        last = steps[-1]
        if last["loss"] is not None:
            words.append(f"loss {last['loss']:.3f}")
        words.append(f"{last['images_per_second']:.1f} images/s")
    if checks:
        words.append(judged(checks))
    return ", ".join([*words, *filter(None, [run.ailment])])


def judged(checks: list[dict[str, Any]]) -> str:
    """Return the kNN figure of the last check and of the frozen start."""
    first, last = checks[0], checks[-1]
    if last["knn"] is None:
        return f"rank {last['rank']:.0f} (start {first['rank']:.0f})"
    knn = last["knn"]
    start = first["knn"]["value"] if first["knn"] else float("nan")
    knn_words = share_of(knn, 1)
    words = f"kNN {knn_words}, frozen start {percent(start, 1)}"
    gain = last.get("knn_gain")
    if gain is None or last is first:
        return words
    value, low, high = (points(gain[name]) for name in ("value", "low", "high"))
    return f"{words}, gain {value} points ({low} to {high})"


def started_sentence(run: Run) -> str:
    """Return that a run has been started, and how to look at it."""
    return f"Started {run.name}; 'runs {run.name}' shows its progress."


def about(run: Run) -> str:
    """Return all that a person wants to know of a run, and what to type next."""
    status = run.status()
    lines = [state_line(run, status), f"Learns from {images_read(run)} of {run.source}."]
    notes = [row["sentence"] for row in run.metrics() if row.get("name") == "cache"]
    lines += notes[-1:]
    if words := in_words(run):
        lines.append(f"Now: {words}.")
    health = run.health()
    if health and health["state"] == "watch":
        lines.append(f"Health: watched, perhaps {health['name']}. {health['sentence']}")
    elif health and health.get("sentence") and health["sentence"] not in status.message:
        lines.append(f"Health: {health['sentence']} {health['advice']}".rstrip())
    if health and health["state"] == "bad" and not status.active:
        sets = "".join(f" --set {k}={v}" for k, v in health.get("changes", {}).items())
        blamed = [row["bad_images"] for row in run.metrics() if row.get("bad_images")]
        sets += "".join(f" --without {image}" for image in (blamed[-1] if blamed else ()))
        lines.append(f"Try: python -m fewshot_lab clone-run {run.name}{sets}")
    if run.backbone:
        lines.append(f"Weights: {run.backbone} (as a backbone: run:{run.name})")
    return "\n".join(lines)


def images_read(run: Run) -> str:
    """Return how many images a run sees, and how many it could not read."""
    bad = len(run.unreadable)
    read = plural(int(run.spec.get("images", 0)) - bad, "image")
    return f"{read} ({bad:,} could not be read)" if bad else read


def learnt(run: Run) -> str:
    """Return what a finished run came to, and how to use it."""
    text = f"{run.name} has learnt from {images_read(run)}."
    checks = run.checks()
    if checks:
        text += f"\nIs it helping? {judged(checks)}."
    first = run.spec["projects"][0]
    return f"{text}\nUse it: python -m fewshot_lab embed {first} --backbone run:{run.name}"
