"""What a verb says: results on stdout, progress on stderr, both into the run folder of a job."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fewshot_lab.files import to_json, write_atomically
from fewshot_lab.progress import Progress


def tell(result: dict[str, Any], text: str, *, as_json: bool, job: Path | None = None) -> None:
    """Give a verb's result.

    Parameters
    ----------
    result : dict
        Plain values.
    text : str
        The same in words.
    as_json : bool
        Print the first instead of the second.
    job : Path, optional
        The run folder of a job, where the page reads the result.
    """
    if job is not None:
        write_atomically(job / "report.json", json.dumps(result, default=str).encode())
    if as_json:
        print(to_json(result))
    elif text:
        print(text)


@contextmanager
def progress(job: Path | None, *, as_json: bool) -> Iterator[Progress]:
    """Give the callback that long work reports to: a job's status file, or a bar on stderr."""
    if job is not None:
        from fewshot_lab.jobs import worker

        with worker(job) as report:
            yield report
    elif as_json or not sys.stderr.isatty():
        with _lines(quiet=as_json) as report:
            yield report
    else:
        with _bar() as report:
            yield report


@contextmanager
def _lines(*, quiet: bool) -> Iterator[Progress]:
    """Write a line every ten seconds, for logs."""
    last = time.monotonic()

    def report(stage: str, done: int, total: int | None) -> None:
        nonlocal last
        if quiet or time.monotonic() - last < 10:
            return
        last = time.monotonic()
        print(f"{stage} {done:,}" + (f" of {total:,}" if total else ""), file=sys.stderr)

    yield report


@contextmanager
def _bar() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bars

    bars = Bars(
        TextColumn("{task.description:<12}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    tasks: dict[str, Any] = {}

    def report(stage: str, done: int, total: int | None) -> None:
        if stage not in tasks:
            tasks[stage] = bars.add_task(stage, total=total, rate="")
        speed = bars.tasks[tasks[stage]].speed
        rate = f"{speed:,.0f}/s" if speed else ""
        bars.update(tasks[stage], completed=done, total=total, rate=rate)

    with bars:
        yield report


def plural(count: int, noun: str) -> str:
    """Return "1 image", "1,200 images", "2 classes"."""
    if count == 1:
        return f"1 {noun}"
    return f"{count:,} {noun}{'es' if noun.endswith('s') else 's'}"


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return plain columns, numbers not aligned: for people, and for cut and awk."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [head, *rows]
    ]
    return "\n".join(lines)


def listed(items: list[tuple[str, str]], *, first: int = 10) -> None:
    """List paths with reasons on stderr: the first few, and how many more."""
    for path, reason in items[:first]:
        print(f"  {path}: {reason}", file=sys.stderr)
    if len(items) > first:
        print(f"  ... and {len(items) - first:,} more", file=sys.stderr)
