"""One of several parts of the work: --shard i/n, torchrun, srun and Slurm arrays."""

import re
from pathlib import Path
from typing import Annotated

import typer

from fewshot_lab.cli.options import option

Shard = Annotated[
    str | None,
    option(
        "Do only the i-th of n parts, from 0, so that machines share the work; under "
        "torchrun, srun or in a Slurm array as these say.",
        metavar="i/n",
    ),
]


def read_shard(text: str | None) -> tuple[int, int] | None:
    """Read ``i/n``; None where it is not given, so that the environment is asked.

    Raises
    ------
    typer.BadParameter
        For anything else.
    """
    if text is None:
        return None
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if not match or not int(match[1]) < int(match[2]):
        raise typer.BadParameter("--shard is i/n with i from 0 to n - 1, such as 0/2")
    return int(match[1]), int(match[2])


def shard_of(text: str | None) -> tuple[int, int]:
    """Return which part of how many this process does."""
    from fewshot_lab.embeddings import part_of_run

    return part_of_run(read_shard(text))


def part_file(out: Path, part: tuple[int, int]) -> Path:
    """Return where a part's output goes: ``NAME.0-of-4.csv`` beside the others."""
    i, parts = part
    return out if parts == 1 else out.with_name(f"{out.stem}.{i}-of-{parts}{out.suffix}")
