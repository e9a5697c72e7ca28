"""What a verb says: results on stdout, progress on stderr, both into the run folder of a job."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from fewshot_lab.cells import table_encoding
from fewshot_lab.cli.options import answer
from fewshot_lab.cli.waiting import wait_in_line
from fewshot_lab.files import to_json, write_atomically
from fewshot_lab.progress import Progress
from fewshot_lab.words import plural, share_of

Words = Callable[[str], str]


def tell(result: dict[str, Any], text: str, *, more_to_come: bool = False) -> None:
    """Give a verb's result.

    Parameters
    ----------
    result : dict
        Plain values.
    text : str
        The same in words.
    more_to_come : bool
        Whether it is told again with more in it: then as JSON nothing is printed yet.
    """
    if (job := answer().job) is not None:
        write_atomically(job / "report.json", json.dumps(result, default=str).encode())
    if answer().as_json:
        print("" if more_to_come else f"{to_json(result)}\n", end="")
    elif text:
        print(text)


def tell_table(text: str, out: Path | None, rows: Callable[[], dict[str, Any]]) -> None:
    """Write a CSV to a file, or to stdout where none is named; as JSON its rows go there."""
    if out is not None:
        write_atomically(out.absolute(), text.encode(table_encoding()))
        n = text.count("\n") - 1
        tell({"out": str(out), "rows": n}, f"{plural(n, 'row')} in {out}.")
    elif answer().as_json:
        tell(rows(), "")
    else:
        print(text, end="")


@contextmanager
def progress(heavy: dict[str, Any] | None = None) -> Iterator[Progress]:
    """Give the callback that long work reports to: a job's status file, or a bar on stderr.

    Parameters
    ----------
    heavy : dict, optional
        Of work at the terminal that first waits in line: what :func:`in_turn` returned. A job
        knows by itself whether it is heavy.
    """
    if (job := answer().job) is not None:
        from fewshot_lab.jobs import worker

        with worker(job) as report:
            yield report
        return
    with ExitStack() as stack:
        if heavy is not None:
            stack.enter_context(wait_in_line(heavy))
        yield stack.enter_context(on_terminal(quiet=answer().as_json))


def _nothing(stage: str) -> str:
    return ""


@contextmanager
def on_terminal(*, quiet: bool = False, words: Words = _nothing) -> Iterator[Progress]:
    """Give a bar on stderr for each stage, or a line every ten seconds for logs.

    Parameters
    ----------
    quiet : bool
        Show nothing.
    words : callable
        Given the stage, returns what else to say; asked once a second.
    """
    if quiet:
        yield lambda stage, done, total: None
    elif sys.stderr.isatty():
        with _bars(words) as report:
            yield report
    else:
        yield _lines(words)


def _lines(words: Words) -> Progress:
    last = time.monotonic()

    def report(stage: str, done: int, total: int | None) -> None:
        nonlocal last
        if time.monotonic() - last < 10:
            return
        last = time.monotonic()
        line = f"{stage} {done:,}" + (f" of {total:,}" if total else "")
        more = words(stage)
        print(f"{line}; {more}" if more else line, file=sys.stderr, flush=True)

    return report


@contextmanager
def _bars(words: Words) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    shown = ""

    class WithWords(Bars):
        def get_renderables(self) -> Iterator[Any]:
            yield self.make_tasks_table(self.tasks)
            if shown:
                yield shown

    bars = WithWords(
        TextColumn("{task.description:<12}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[speed]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    tasks: dict[str, Any] = {}
    read_at = 0.0

    def report(stage: str, done: int, total: int | None) -> None:
        nonlocal read_at, shown
        if stage not in tasks:
            tasks[stage] = bars.add_task(stage, total=total, completed=done, speed="")
        if time.monotonic() - read_at > 1:
            read_at, shown = time.monotonic(), words(stage)
        speed = bars.tasks[tasks[stage]].speed or 0.0
        rate = f"{speed:,.0f}/s" if speed >= 10 else f"{speed:.2g}/s" if speed else ""
        bars.update(tasks[stage], completed=done, total=total, speed=rate)

    with bars:
        yield report


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return plain columns, numbers not aligned: for people, and for cut and awk."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [head, *rows]
    ]
    return "\n".join(lines)


def share_cell(interval: dict[str, Any] | None, digits: int = 0) -> str:
    """Return a share and its interval for a table; a dash where it is not known."""
    if interval is None or interval["value"] is None:
        return "-"
    return share_of(interval, digits)


def listed(items: list[tuple[str, str]]) -> None:
    """List paths with reasons on stderr: the first few, and how many more."""
    for path, reason in items[:10]:
        print(f"  {path}: {reason}", file=sys.stderr)
    if len(items) > 10:
        print(f"  ... and {len(items) - 10:,} more", file=sys.stderr)
