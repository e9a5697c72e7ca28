"""Images that moved as a whole: projects relink."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from fewshot_lab.cli.options import open_project, option
from fewshot_lab.cli.reporting import listed, tell
from fewshot_lab.words import plural


def relink(
    old: Annotated[str, typer.Argument(metavar="OLD", help="The old folder, such as D:\\scans.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="Where its content is now.")],
    project: Annotated[str | None, option("Only this project; all by default.")] = None,
) -> None:
    """Read images that moved as a whole from their new folder.

    Files that are not there, or are of another size, stay as they were and are listed; the exit
    status is 1 where nothing was found.
    """
    from fewshot_lab.errors import FewshotLabError
    from fewshot_lab.project import Project
    from fewshot_lab.project import relink as relink_project

    names = [project] if project is not None else [info.name for info in Project.survey()[0]]
    result = {}
    for name in names:
        with open_project(name) as opened:
            result[name] = relink_project(opened, old, new)
    counts = {name: done for name, done in result.items() if done.moved}
    sentences = [f"{plural(done.moved, 'file')} of {name}" for name, done in counts.items()]
    text = f"Read from {new} now: {', '.join(sentences)}." if counts else ""
    tell({name: asdict(done) for name, done in result.items()}, text)
    for done in result.values():
        listed([(file, "It is not there.") for file in done.missing])
        listed([(file, "It has another size, so it is not the same.") for file in done.differing])
    if not counts:
        raise FewshotLabError(f"No project has images of {old} that are in {new} now.")
