"""Which group an image belongs to: rules, and what they would make of the images."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.files import known_fields
from fewshot_lab.words import plural

if TYPE_CHECKING:
    from fewshot_lab.store import ImageColumns

KINDS = ("import", "column", "pattern", "none")
NOUNS = ("patient", "slide", "video", "case")


@dataclass(frozen=True)
class GroupRule:
    r"""Where the group of an image comes from.

    Attributes
    ----------
    kind : {"import", "column", "pattern", "none"}
        As it was imported (a manifest's column, a DICOM field), a metadata column, a regular
        expression on the path, or nowhere.
    value : str
        The column or the expression. Of an expression the first bracketed part is the group, or
        all that it matches where nothing is bracketed: ``^(\d+)_`` makes 17 of ``17_03.png``.
    noun : str
        What a group is, for sentences: "patient", "slide", "video", "group".
    """

    kind: str = "import"
    value: str = ""
    noun: str = "group"

    @classmethod
    def from_dict(cls, record: Mapping[str, Any] | None) -> GroupRule:
        """Read what :meth:`to_dict` returned; None is the rule of a new project."""
        return cls(**known_fields(cls, record))

    def to_dict(self) -> dict[str, str]:
        """Return it as JSON can hold it."""
        return asdict(self)


def noun_of(name: str) -> str:
    """Return what a group is by the name of a column, a field or a folder: "patient", "group"."""
    plain = name.casefold()
    return next((noun for noun in NOUNS if noun in plain), "group")


def group_keys(images: ImageColumns, rule: GroupRule) -> list[str | None]:
    """Return the group of each image by a rule; None where it has none.

    Raises
    ------
    FewshotLabError
        For an expression that cannot be read, or a column that no image has.
    """
    if rule.kind == "none":
        return [None] * len(images)
    if rule.kind == "import":
        return [group or None for group in images.groups]
    if rule.kind == "column":
        if not any(rule.value in meta for meta in images.metas):
            columns = sorted({name for meta in images.metas for name in meta})
            choice = f"there are: {', '.join(columns)}" if columns else "the images have none"
            raise FewshotLabError(f"No image has a column {rule.value!r}; {choice}.")
        return [_key(meta.get(rule.value)) for meta in images.metas]
    if rule.kind == "pattern":
        try:
            pattern = re.compile(rule.value)
        except re.error as error:
            raise FewshotLabError(
                f"The expression {rule.value!r} cannot be read: {error}."
            ) from None
        if not rule.value:
            raise FewshotLabError("Give an expression that finds the group in a file's path.")
        matches = map(pattern.search, images.paths)
        return [None if m is None else (m[1] if pattern.groups else m[0]) or None for m in matches]
    raise FewshotLabError(f"{rule.kind!r} is not a source of groups: {', '.join(KINDS)}.")


def _key(value: str | float | None) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)


@dataclass(frozen=True)
class GroupPreview:
    """What a rule would make of the images.

    Attributes
    ----------
    rule : GroupRule
    images, without, groups, alone : int
        All images, those without a group, the groups, and the groups of one image.
    examples : tuple of (path, group or None)
        Spread over the images.
    largest : tuple of (group, images)
        The ten largest.
    unmatched : tuple of str
        Paths of some images without a group.
    sentence : str
    warning : str
        What speaks against the rule, else "".
    """

    rule: GroupRule
    images: int
    without: int
    groups: int
    alone: int
    examples: tuple[tuple[str, str | None], ...]
    largest: tuple[tuple[str, int], ...]
    unmatched: tuple[str, ...]
    sentence: str
    warning: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {
            "rule": self.rule.to_dict(),
            "images": self.images,
            "without": self.without,
            "groups": self.groups,
            "groups_of_one": self.alone,
            "examples": [{"path": p, "group": g} for p, g in self.examples],
            "largest": [{"group": g, "images": n} for g, n in self.largest],
            "unmatched": list(self.unmatched),
            "sentence": self.sentence,
            "warning": self.warning,
        }


def preview_groups(images: ImageColumns, rule: GroupRule) -> GroupPreview:
    """Return what a rule would make of the images; nothing is changed.

    Raises
    ------
    FewshotLabError
        As :func:`group_keys`.
    """
    keys = group_keys(images, rule)
    counts = Counter(key for key in keys if key is not None)
    without = [path for path, key in zip(images.paths, keys, strict=True) if key is None]
    n, g = len(images), len(counts)
    spots = np.unique(np.linspace(0, max(n - 1, 0), min(n, 8)).astype(int))
    noun = rule.noun
    sentence = f"{plural(g, noun)} in {plural(n, 'image')}"
    if g:
        sentence += f", {_few(counts)} each"
    if without:
        sentence += f"; {plural(len(without), 'image')} without one (each counts for itself)"
    largest = counts.most_common(10)
    warning = ""
    if g == 0 and rule.kind not in ("none", "import"):
        warning = "It finds no group in any image."
    elif g == 1:
        warning = f"All images are in one {noun}: nothing could be held out."
    elif g and largest[0][1] > 0.5 * n:
        warning = (
            f"{largest[0][0]} holds {100 * largest[0][1] / n:.0f} % of the images: splits will "
            "be lopsided."
        )
    elif g > 1 and g == n - len(without):
        warning = f"Every image is a {noun} of its own, so nothing is kept together."
    return GroupPreview(
        rule,
        n,
        len(without),
        g,
        sum(size == 1 for size in counts.values()),
        tuple((images.paths[i], keys[i]) for i in spots),
        tuple(largest),
        tuple(without[:8]),
        sentence + ".",
        warning,
    )


def _few(counts: Counter[str]) -> str:
    sizes = sorted(counts.values())
    low, high = sizes[0], sizes[-1]
    return plural(low, "image") if low == high else f"{low:,} to {high:,} images"
