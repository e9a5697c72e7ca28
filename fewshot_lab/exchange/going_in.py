"""Another tool's file as labels of a project's images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.exchange.box_labels import cut_boxes
from fewshot_lab.exchange.formats import FORMATS, FormatName
from fewshot_lab.exchange.matching import project_paths
from fewshot_lab.exchange.pictures import Rectangle
from fewshot_lab.progress import Progress, silent
from fewshot_lab.store import LONGEST_NAME, tidy_name
from fewshot_lab.words import plural

if TYPE_CHECKING:
    from fewshot_lab.project import Project


class TakenIn(NamedTuple):
    """What came in.

    Attributes
    ----------
    labelled : int
        Opinions: two annotators of one image are two.
    unmatched : list of str
        Paths that lead to no image, or to several.
    annotators, new_classes : list of str
    boxes : int
        Boxes that are images of their own now.
    other : int
        Boxes, outlines and answers of other kinds, left out.
    times : (str, str) or None
        The first and the last time in the file. The log dates labels when they come in, so
        that nobody can date one back; the journal keeps these two.
    respelt : str
        Which labels were taken for which class.
    """

    labelled: int
    unmatched: list[str]
    annotators: list[str]
    new_classes: list[str]
    boxes: int
    other: int
    times: tuple[str, str] | None
    respelt: str

    @property
    def sentence(self) -> str:
        """What came in and what did not."""
        text = f"{plural(self.labelled, 'label')} of {', '.join(self.annotators)}."
        if self.new_classes:
            new_classes = plural(len(self.new_classes), "new class", "new classes")
            text += f" {new_classes}: {', '.join(self.new_classes)}."
        if self.boxes:
            text += (
                f" {plural(self.boxes, 'box', 'boxes')} cut out of their images, to be embedded."
            )
        if self.other:
            left = plural(self.other, "box, outline or other answer", "boxes, outlines or others")
            only = "" if self.boxes else ": only labels of whole images come in"
            text += f" {left} left out{only}."
        if self.times:
            text += (
                f" The labels carry the time of now; the journal keeps the file's, from "
                f"{self.times[0]} to {self.times[1]}."
            )
        return f"{text} {self.respelt}".strip()


class Incoming(NamedTuple):
    """What a file says of the images of a project; nothing of it is stored yet.

    Attributes
    ----------
    rows : dict
        From an annotator to paths and labels.
    boxes : dict
        From an annotator to paths, boxes and labels, where they were asked for.
    other : int
        Boxes, outlines and answers of other kinds, left out.
    times : (str, str) or None
        The first and the last time in the file.
    """

    rows: dict[str, list[tuple[str, str]]]
    boxes: dict[str, list[tuple[str, Rectangle, str]]]
    other: int
    times: tuple[str, str] | None


def read_labels(
    project: Project,
    file: Path,
    kind: FormatName,
    annotator: str,
    *,
    boxes: bool = False,
    apart: str = "",
) -> Incoming:
    """Read another tool's file; nothing is stored.

    Parameters
    ----------
    project : Project
    file : Path
    kind : FormatName
    annotator : str
        Whose labels those are of which the file does not say it.
    boxes : bool
        Also take boxes that have a label.
    apart : str
        Added to the names in the file, where they must not be taken for people who sign in here.

    Raises
    ------
    FewshotLabError
        Where the file cannot be read, is another format, or holds no label that is asked for.
    """
    contents = FORMATS[kind].read(file)
    taken = [each for each in contents.opinions if boxes or each[1] is None]
    other = contents.other + len(contents.opinions) - len(taken)
    opinions = [
        (_storable(path), box, each) for path, box, each in taken if path and each.label.strip()
    ]
    if not opinions:
        instead = ", only boxes, outlines or other answers" if other else ""
        raise FewshotLabError(
            f"{file.name} holds no label of a whole image{instead}. Nothing was stored."
        )
    own_path = project_paths(project.store, list(dict.fromkeys(path for path, *_ in opinions)))
    incoming = Incoming({}, {}, other, None)
    for path, box, opinion in opinions:
        named = tidy_name(_storable(opinion.annotator or ""))
        who = f"{named}{apart}" if named and named != annotator else tidy_name(annotator)
        if not 0 < len(who) <= LONGEST_NAME:
            raise FewshotLabError(
                f"An annotator's name has 1 to {LONGEST_NAME} characters; {who[:80]!r} has "
                f"{len(who)}. Nothing was stored."
            )
        if box is None:
            incoming.rows.setdefault(who, []).append((own_path[path], _storable(opinion.label)))
        else:
            row = own_path[path], box, _storable(opinion.label)
            incoming.boxes.setdefault(who, []).append(row)
    moments = sorted(_storable(opinion.time) for *_, opinion in opinions if opinion.time)
    return incoming._replace(times=(moments[0], moments[-1]) if moments else None)


def take_in(
    project: Project,
    file: Path,
    kind: FormatName,
    annotator: str,
    *,
    boxes: bool = False,
    copy: bool = False,
    apart: str = "",
    progress: Progress = silent,
) -> TakenIn:
    """Label images from another tool's file; classes that do not exist yet are added.

    Parameters
    ----------
    project, file, kind, annotator, apart
        See :func:`read_labels`.
    boxes : bool
        Make each labelled box an image of its own: a part of its image, and in its group.
    copy : bool
        Keep boxes as files of the project; else they are read from their images.

    Raises
    ------
    FewshotLabError
        As :func:`read_labels`, and where one annotator says two things of one image; nothing is
        stored then.
    """
    incoming = read_labels(project, file, kind, annotator, boxes=boxes, apart=apart)
    store = project.store
    before = {row.name for row in store.classes()}
    cut = cut_boxes(project, incoming.boxes, file.name, copy=copy, progress=progress)
    rows = {
        who: [*incoming.rows.get(who, ()), *cut.rows.get(who, ())]
        for who in {**incoming.rows, **cut.rows}
    }
    done = project.labels.add_rows(rows, file.name)
    new = [row.name for row in store.classes() if row.name not in before]
    store.note("labels", kind=kind, file=str(file), labelled=done.labelled, times=incoming.times)
    return TakenIn(
        done.labelled,
        done.unmatched,
        list(rows),
        new,
        cut.boxes,
        incoming.other + cut.empty,
        incoming.times,
        done.sentence,
    )


def _storable(text: str) -> str:
    """Return a text with "?" for halves of characters and zeros, which no database holds."""
    return text.replace("\0", "?").encode("utf-8", "replace").decode()
