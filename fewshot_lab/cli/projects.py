"""Projects and their images: create, projects, import, delete."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fewshot_lab.cli.manifest_columns import manifest_columns
from fewshot_lab.cli.options import (
    ProjectName,
    Verbs,
    app,
    open_project,
    option,
    with_common_options,
)
from fewshot_lab.cli.preparation import prepare_project
from fewshot_lab.cli.reporting import listed, progress, table, tell
from fewshot_lab.cli.tiling_options import TilingOptions
from fewshot_lab.cli.video_options import ClipOptions, clip_table
from fewshot_lab.cli.waiting import Now, in_turn
from fewshot_lab.errors import FewshotLabError, NoProject
from fewshot_lab.words import plural

if TYPE_CHECKING:
    from fewshot_lab.images import ClipSettings, ManifestColumns, SliceStep, Tiling
    from fewshot_lab.progress import Progress
    from fewshot_lab.project import Project


def create(
    name: ProjectName,
    backbone: Annotated[str | None, option("The backbone to embed with.")] = None,
) -> None:
    """Make an empty project."""
    from fewshot_lab.project import Project

    with Project.create(name, backbone=backbone) as project:
        result = {"name": project.name, "folder": str(project.folder)}
        tell(result, f"Made {project.name} in {project.folder}.")


def projects(context: typer.Context) -> None:
    """List the projects; or, by ``projects relink``, follow images that moved."""
    if context.invoked_subcommand is not None:
        return
    import time

    from fewshot_lab.home import home as home_folder
    from fewshot_lab.project import Project

    infos, damaged = Project.survey()
    result = {
        "home": str(home_folder()),
        "projects": [asdict(info) for info in infos],
        "damaged": [asdict(each) for each in damaged],
    }
    for each in damaged:
        print(f"{each.name} cannot be opened. {each.reason}", file=sys.stderr)
    if not infos:
        tell(result, f"There are no projects in {home_folder()}.")
        return
    rows = [
        [
            info.name,
            f"{info.images:,}",
            f"{info.labelled:,}",
            time.strftime("%Y-%m-%d %H:%M", time.localtime(info.last_used)),
        ]
        for info in infos
    ]
    tell(result, table(["project", "images", "labelled", "last used"], rows))


def import_(
    project: ProjectName,
    source: Annotated[
        list[Path],
        typer.Argument(
            help="A folder (recursive), ZIP, CSV manifest, MedMNIST .npz, image, DICOM or slide."
        ),
    ],
    reference_labels: Annotated[
        str | None,
        option(
            "Take folder names, or a column of the manifest, as reference labels.",
            metavar="folders|COLUMN",
        ),
    ] = None,
    copy: Annotated[bool, option("Keep copies instead of reading the files in place.")] = False,
    path_column: Annotated[str | None, option("CSV: the column with the paths.")] = None,
    label_column: Annotated[str | None, option("CSV: the column with reference labels.")] = None,
    group_column: Annotated[
        str | None, option("CSV: the column with the patient or slide.")
    ] = None,
    metadata_column: Annotated[
        list[str] | None,
        option(
            "CSV: a further column to keep; may be repeated.", "--metadata-column", "--meta-column"
        ),
    ] = None,
    group_field: Annotated[
        str | None,
        option(
            "DICOM: the field that says which images belong together.",
            metavar="PatientID|StudyInstanceUID|SeriesInstanceUID",
        ),
    ] = None,
    *,
    tiling_options: TilingOptions,
    slices: Annotated[
        str,
        option(
            "Volumes: the slices to import, all, every nth (4), or one every so many "
            "millimetres (5mm)."
        ),
    ] = "all",
    clip_options: ClipOptions,
    dry_run: Annotated[bool, option("Only show what would be imported and what it costs.")] = False,
    prepare: Annotated[bool, option("Then embed and make the map.")] = False,
    backbone: Annotated[str | None, option("With --prepare: the backbone.")] = None,
    now: Now = False,
) -> None:
    """Bring in images; again with the same source, only what is new.

    Files that cannot be read are listed; the exit status is 1 where there is no other. Whole slides
    come in as tiles; ``slides tissue`` shows them first.
    """
    from fewshot_lab.backbones import find
    from fewshot_lab.images import SliceStep

    if backbone is not None:
        if not prepare:
            raise FewshotLabError("--backbone says what embeds: give --prepare with it.")
        find(backbone)  # an unknown one is refused before any image comes in
    step = SliceStep.parse(slices)
    clips, tiling = clip_options.settings(), tiling_options.tiling()
    heavy = in_turn(project, now=now) if prepare and not dry_run else None
    with progress(heavy=heavy) as report:
        try:
            opened = open_project(project)
        except NoProject as error:
            raise FewshotLabError(f"{error} To make it: fewshot-lab create {project}") from None
        with opened:
            columns = manifest_columns(
                source, reference_labels, path_column, label_column, group_column, metadata_column
            )
            if dry_run:
                _preview(opened, source, columns, step, tiling, clips, report)
                return
            done = opened.import_images(
                source if len(source) > 1 else source[0],
                reference_labels="folders" if reference_labels == "folders" else None,
                columns=columns,
                group_field=group_field,
                copy=copy,
                tiling=tiling,
                slice_step=step,
                clips=clips,
                progress=report,
            )
            if done.refused and not opened.store.ids():
                listed(done.refused)
                raise FewshotLabError(_none_of(done.refused))
            result: dict[str, Any] = asdict(done)
            tell(result, done.sentence, more_to_come=prepare)
            listed(done.refused)
            listed(done.volume_notes + done.notes)
            if prepare:
                result |= prepare_project(opened, backbone=backbone, report=report)
                tell(result, "The map is ready.")
            opened.touch()
    if done.refused and not (done.added or done.known or done.moved or done.duplicates):
        raise typer.Exit(1)


def _preview(
    project: Project,
    sources: list[Path],
    columns: ManifestColumns | None,
    step: SliceStep,
    tiling: Tiling,
    clips: ClipSettings,
    report: Progress,
) -> None:
    """Say what an import would bring in."""
    from fewshot_lab.project import preview_import

    preview = preview_import(
        project,
        sources if len(sources) > 1 else sources[0],
        columns=columns,
        slice_step=step,
        tiling=tiling,
        clips=clips,
        progress=report,
    )
    rows = [volume.cells() for volume in preview.volumes]
    shown = (
        table(["first slice", "slices", "chosen", "apart", "notes"], rows) + "\n" if rows else ""
    )
    shown += clip_table(preview.clips)
    tell(asdict(preview), shown + preview.sentence)
    listed([*preview.refused, *((p.path, p.sentence) for p in preview.clips if p.sentence)])


def _none_of(refused: Sequence[tuple[str, str]]) -> str:
    """Say why an import brought in nothing at all."""
    (reason, times), *others = Counter(reason for _, reason in refused).most_common()
    why = reason if not others else f"{times:,} times: {reason}"
    return f"No image was imported, of {plural(len(refused), 'file')}. {why}"


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


app.command()(create)
app.command(name="import")(import_)
group = Verbs()
group.callback(invoke_without_command=True)(with_common_options(projects))
group.command()(relink)
app.add_typer(group, name="projects")
