"""Keeping a server: backup, restore, move-database."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from fewshot_lab.cli.options import ProjectName, app, open_project, option
from fewshot_lab.cli.reporting import progress, tell
from fewshot_lab.words import plural


def backup(
    project: ProjectName,
    file: Annotated[Path, typer.Argument(help="The file to write, or a folder for it.")],
    overwrite: Annotated[bool, option("Replace the file.")] = False,
) -> None:
    """Write a project into one file, while people label in it.

    Labels and all else in the database, the images that lie in the project, embeddings and maps
    are in it; images that are read in place are not.
    """
    from fewshot_lab.operations import write_backup

    with progress() as report, open_project(project) as opened:
        done = write_backup(opened, file.absolute(), overwrite=overwrite, progress=report)
    words = [
        f"{done.file}: {plural(done.files, 'file')}, {done.bytes / 2**20:,.1f} MiB; "
        f"{plural(done.images, 'image')}, {plural(done.position, 'action')} in the log."
    ]
    if done.outside:
        words.append(
            f"{plural(done.outside, 'image file')} outside the project are not in it: back up "
            "their folders too, or import with --copy."
        )
    words += [f"{name} is missing in the project." for name in done.missing]
    tell(asdict(done), "\n".join(words))


def restore(
    file: Annotated[Path, typer.Argument(help="What 'backup' wrote.")],
    name: Annotated[
        str | None, option("Name of the restored project; by default its old name.", "--as")
    ] = None,
) -> None:
    """Bring a project back from a backup, checked, beside whatever is there."""
    from fewshot_lab.operations import restore_backup

    with progress() as report:
        done = restore_backup(file.absolute(), name=name, progress=report)
    text = (
        f"{done.name}: {plural(done.images, 'image')}, {plural(done.position, 'action')} in the "
        f"log, in {done.folder}."
    )
    if done.unreachable:
        text += f"\n{plural(done.unreachable, 'image')} cannot be read at their place now."
    tell(asdict(done), text)


def quota(
    project: ProjectName,
    images: Annotated[int | None, option("At most so many images.", min=1)] = None,
    gb: Annotated[float | None, option("At most so many GB on the disk.", min=0.001)] = None,
    none: Annotated[bool, option("Remove the project's own limits; the server's apply.")] = False,
) -> None:
    """Say, or set, how much a project may hold; asked before an import begins."""
    from fewshot_lab.project import Quota, quota_of, set_quota

    with open_project(project) as opened:
        if none:
            set_quota(opened, None)
        elif images is not None or gb is not None:
            set_quota(opened, Quota(images, gb))
        holds = quota_of(opened)
    limits = [
        plural(holds.images, "image") if holds.images else "any number of images",
        f"{holds.gb:g} GB" if holds.gb else "any size",
    ]
    tell(asdict(holds), f"{project} may hold {' and '.join(limits)}.")


def move_database(
    project: ProjectName,
    to: Annotated[str, typer.Argument(metavar="sqlite|postgresql", help="Where to.")],
) -> None:
    """Move a project's rows between its own file and the server that FEWSHOT_LAB_DATABASE names.

    Nobody may have the project open. All rows are compared before the old ones are deleted.
    """
    from fewshot_lab.operations import move_rows

    position = move_rows(project, to)
    result = {"project": project, "database": to, "position": position}
    text = f"{project} is on {to} now: all rows compared, {plural(position, 'action')} in the log."
    tell(result, text)


def doctor() -> None:
    """Look at everything the app needs here: what is wrong, and the next step.

    The exit status is 1 where something must be mended.
    """
    from fewshot_lab.operations import check_installation

    findings = check_installation()
    marks = {"good": "ok  ", "note": "note", "mend": "MEND"}
    lines = []
    for each in findings:
        lines.append(f"{marks[each.state]}  {each.topic:<10}{each.sentence}")
        if each.next_step:
            lines.append(f"{'':16}{each.next_step}")
    mend = sum(each.state == "mend" for each in findings)
    result = {"ok": not mend, "findings": [asdict(each) for each in findings]}
    tell(result, "\n".join(lines))
    if mend:
        raise typer.Exit(1)


def sbom(
    file: Annotated[Path | None, typer.Argument(help="Where to; else to the terminal.")] = None,
) -> None:
    """Write a software bill of materials (CycloneDX 1.6) of what is installed here."""
    from fewshot_lab.files import to_json, write_atomically
    from fewshot_lab.operations import bill_of_materials

    text = to_json(bill_of_materials(), indent=1)
    if file is None:
        print(text)
    else:
        write_atomically(file, text.encode())


for verb in (backup, restore, move_database, quota, doctor):
    app.command()(verb)
app.command(json=False)(sbom)
