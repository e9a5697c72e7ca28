"""Another tool's file as labels of a project's images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.exchange.formats import FORMATS, FormatName
from fewshot_lab.exchange.matching import project_paths
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
    other: int
    times: tuple[str, str] | None
    respelt: str

    @property
    def sentence(self) -> str:
        """What came in and what did not."""
        text = f"{plural(self.labelled, 'label')} of {', '.join(self.annotators)}."
        if self.new_classes:
            made = plural(len(self.new_classes), "new class", "new classes")
            text += f" {made}: {', '.join(self.new_classes)}."
        if self.other:
            left = plural(self.other, "box, outline or other answer", "boxes, outlines or others")
            text += f" {left} left out: only labels of whole images come in."
        if self.times:
            text += (
                f" The labels carry the time of now; the journal keeps the file's, from "
                f"{self.times[0]} to {self.times[1]}."
            )
        return f"{text} {self.respelt}".strip()


def take_in(project: Project, file: Path, kind: FormatName, annotator: str) -> TakenIn:
    """Label images from another tool's file; classes that do not exist yet are added.

    Parameters
    ----------
    project : Project
    file : Path
    kind : FormatName
    annotator : str
        Whose labels those are of which the file does not say it.

    Raises
    ------
    FewshotLabError
        Where the file cannot be read, is another format, holds no label of a whole image, or
        two of one annotator for one image; nothing is stored then.
    """
    contents = FORMATS[kind].read(file)
    opinions = [
        (_storable(path), each._replace(label=_storable(each.label)))
        for path, each in contents.opinions
        if path and each.label.strip()
    ]
    if not opinions:
        instead = ", only boxes, outlines or other answers" if contents.other else ""
        raise FewshotLabError(
            f"{file.name} holds no label of a whole image{instead}. Nothing was stored."
        )
    store = project.store
    own_path = project_paths(store, list(dict.fromkeys(path for path, _ in opinions)))
    rows: dict[str, list[tuple[str, str]]] = {}
    for path, opinion in opinions:
        who = tidy_name(_storable(opinion.annotator or annotator))
        if not 0 < len(who) <= LONGEST_NAME:
            raise FewshotLabError(
                f"An annotator's name has 1 to {LONGEST_NAME} characters; {who[:80]!r} has "
                f"{len(who)}. Nothing was stored."
            )
        rows.setdefault(who, []).append((own_path[path], opinion.label))
    before = {row.name for row in store.classes()}
    done = project.labels.add_rows(rows, file.name)
    moments = sorted(_storable(opinion.time) for _, opinion in opinions if opinion.time)
    times = (moments[0], moments[-1]) if moments else None
    new = [row.name for row in store.classes() if row.name not in before]
    store.note("labels", kind=kind, file=str(file), labelled=done.labelled, times=times)
    return TakenIn(
        done.labelled, done.unmatched, list(rows), new, contents.other, times, done.sentence
    )


def _storable(text: str) -> str:
    """Return a text with "?" for halves of characters and zeros, which no database holds."""
    return text.replace("\0", "?").encode("utf-8", "replace").decode()
