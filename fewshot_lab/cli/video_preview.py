"""What ``import --preview`` says of videos."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from fewshot_lab.cli.reporting import table
from fewshot_lab.images import ClipSettings, find_clips, names_sentence, plan_clip
from fewshot_lab.words import duration, plural


def video_preview(sources: list[Path], settings: ClipSettings) -> tuple[dict[str, Any], str]:
    """Return what an import would take of each clip, as plain values and in words."""
    plans = [plan_clip(path, file, settings) for path, file in find_clips(sources)]
    taken_in_all = sum(plan.taken for plan in plans)
    seconds = sum(plan.seconds for plan in plans)
    result = {
        "clips": [asdict(plan) | {"seconds": plan.seconds} for plan in plans],
        "frames": taken_in_all,
        "seconds": seconds,
    }
    if not plans:
        return result, "There are no videos, cine loops or animations in it."
    rows, notes = [], []
    for plan in plans:
        facts = plan.facts
        if facts is None:
            notes.append(f"{plan.path}: {plan.trouble}")
            continue
        size = f"{facts.width} x {facts.height}"
        long, taken = duration(facts.seconds), f"{plan.taken:,}"
        rows.append([plan.path, long, f"{facts.frames:,}", size, taken, duration(plan.seconds)])
        if sentence := names_sentence(plan.marks, facts.width, facts.height):
            notes.append(f"{plan.path}: {sentence}")
    head = ["video", "length", "frames", "pixels", "taken at most", "about"]
    total = (
        f"At most {plural(taken_in_all, 'frame')} of {plural(len(rows), 'video')}, in about "
        f"{duration(seconds)}; black and blurred ones are left out. Then they are "
        "embedded. Nothing was imported."
    )
    return result, "\n".join([table(head, rows), *notes, total])
