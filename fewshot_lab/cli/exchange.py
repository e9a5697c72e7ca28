"""Other tools' files: exchange out, exchange in."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from fewshot_lab.cli.labels import tell_unmatched
from fewshot_lab.cli.options import ProjectName, Verbs, answer, app, open_project, option
from fewshot_lab.cli.preparation import prepare_project
from fewshot_lab.cli.reporting import progress, tell
from fewshot_lab.cli.waiting import Now, in_turn


class Kind(StrEnum):
    """Formats, as they are named at a terminal."""

    LABEL_STUDIO = "label-studio"
    COCO = "coco"
    CVAT = "cvat"
    FIFTYONE = "fiftyone"
    ANNDATA = "anndata"
    PARQUET = "parquet"


File = Annotated[
    Path,
    typer.Argument(metavar="FILE", show_default=False, help="The file; for FiftyOne a folder."),
]
As = Annotated[Kind, option("The format.", "--as", show_default=False)]

exchange = Verbs(
    name="exchange",
    help="Labels, predictions and embeddings to and from other tools.",
    no_args_is_help=True,
)


def out(
    project: ProjectName,
    file: File,
    kind: As,
) -> None:
    """Write images and labels, with who gave them and when, and what else the format carries.

    Label Studio and FiftyOne also get predictions; AnnData and Parquet get predictions, the
    probability of each class and embeddings.
    """
    from fewshot_lab.exchange import write_out

    with progress() as report, open_project(project) as opened:
        done = write_out(opened, file, kind.value, progress=report)
        result = {"out": str(file), **done._asdict(), "sentence": done.sentence}
        tell(result, f"{file}: {done.sentence}")


def in_(
    project: ProjectName,
    file: File,
    kind: As,
    annotator: Annotated[str, option("Who labelled, where the file does not say.")],
    boxes: Annotated[bool, option("Make each labelled box an image of its own.")] = False,
    copy: Annotated[bool, option("Keep boxes as files, not as parts of their images.")] = False,
    apart: Annotated[str, typer.Option(hidden=True)] = "",
    prepare: Annotated[bool, option("Then embed the boxes and update the map.")] = False,
    now: Now = False,
) -> None:
    """Take in the labels of whole images, and with --boxes those of boxes.

    Images are known by their paths, or by the ends of them; classes that do not exist yet are
    added. Paths that are not in the project are listed and the exit status is 1; the others are
    labelled all the same. A file in which somebody says two things of one image is refused.
    """
    from fewshot_lab.exchange import take_in
    from fewshot_lab.project import remove_originals

    heavy = in_turn(project, now=now) if prepare else None
    with progress(heavy=heavy) as report, open_project(project) as opened:
        done = take_in(
            opened,
            file,
            kind.value,
            annotator,
            boxes=boxes,
            copy=copy,
            apart=apart,
            progress=report,
        )
        result: dict[str, Any] = done._asdict() | {"sentence": done.sentence}
        tell(result, done.sentence, more_to_come=prepare)
        if prepare:
            result |= prepare_project(opened, report=report)
            tell(result, "")
        # Last: what was stopped before reads the file again.
        remove_originals(opened, [file.absolute()])
        opened.touch()
    if answer().job is None:
        tell_unmatched(project, done.unmatched)


exchange.command(name="out")(out)
exchange.command(name="in")(in_)
app.add_typer(exchange)
app.command(name="exchange-out", hidden=True)(out)  # a job's verb is one word
app.command(name="exchange-in", hidden=True)(in_)
