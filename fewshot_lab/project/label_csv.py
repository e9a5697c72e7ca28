"""Labels out of a file, held against the project before anything is stored."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from fewshot_lab.store import Store, tidy_name

MARKS = ("unsure", "reject")
"""What may be said of an image in place of a class."""
PATH_AND_LABEL = ("path", "label")


class CsvPreview(NamedTuple):
    """What labelling from a CSV would do.

    Attributes
    ----------
    rows : int
    labels : dict
        From a path that is in the project to what is said of it; None clears.
    images : int
        How many images these are: copies have paths of their own.
    unmatched : list of str
        Paths that are not in the project.
    new_classes : list of str
        Classes that would be made, as the first row writes each.
    counts : dict
        Images by what is said of them, the most frequent first.
    changed : int
        Images that carry another label of this annotator now.
    problem : str
        Why it cannot be done; "" where it can.
    """

    rows: int
    labels: dict[str, str | None]
    images: int
    unmatched: list[str]
    new_classes: list[str]
    counts: dict[str, int]
    changed: int
    problem: str


def label_key(name: str) -> str:
    """Return what two spellings of one label have in common."""
    return tidy_name(name).casefold()


def preview_rows(
    store: Store, source: str, rows: Sequence[tuple[str, str]], annotator: str
) -> CsvPreview:
    """Return what labelling by rows of (path, label) would do; ``source`` is their file's name."""
    id_of = store.find_many([path for path, _ in rows])
    labels = {path: label or None for path, label in rows if path in id_of}
    labels_by_image: dict[str, dict[str, str]] = {}  # by image: a copy has the path of its own
    for path, label in rows:
        if path in id_of:
            labels_by_image.setdefault(id_of[path], {}).setdefault(
                label_key(label), f"{path}: {label}"
            )
    torn = [each for each in labels_by_image.values() if len(each) > 1]
    problem = ""
    if torn:
        problem = (
            f"{source} gives two labels to {len(torn):,} of its images: "
            f"{', '.join(torn[0].values())}. Leave one of them."
        )
    spelled = dict.fromkeys(MARKS, "") | {label_key(row.name): row.name for row in store.classes()}
    new: dict[str, str] = {}  # as the first writes it
    for path, label in rows:
        if path in id_of and label and label_key(label) not in spelled:
            new.setdefault(label_key(label), label)
    keys = Counter(next(iter(each)) for each in labels_by_image.values())
    names = {"": "no label"} | new | {key: name or key for key, name in spelled.items()}
    own = _own_labels(store, annotator)
    return CsvPreview(
        rows=len(rows),
        labels=labels,
        images=len(labels_by_image),
        unmatched=[path for path, _ in rows if path not in id_of],
        new_classes=list(new.values()),
        counts={names[key]: n for key, n in keys.most_common()},
        changed=sum(
            own.get(image, "") not in ("", *each) for image, each in labels_by_image.items()
        ),
        problem=problem,
    )


def _own_labels(store: Store, annotator: str) -> dict[str, str]:
    """Return what an annotator says of images now, as keys of labels."""
    names = {row.id: label_key(row.name) for row in store.classes(include_retired=True)}
    own = {}
    for image, opinions in store.opinions().items():
        if label := opinions.get(annotator):
            own[image] = label.kind if label.class_id is None else names[label.class_id]
    return own
