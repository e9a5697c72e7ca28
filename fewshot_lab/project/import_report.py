"""What an import did, and in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from fewshot_lab.words import plural

if TYPE_CHECKING:
    from fewshot_lab.images import Scan

_ENDINGS = 8
_COUNTED = (
    ("volumes", "volume", "in order"),
    ("moved", "image", "found again in another place"),
    ("known", "file", "known already"),
    ("filled", "image", "given a reference label, group or metadata"),
    ("duplicates", "duplicate", "linked to the first"),
    ("conflicts", "duplicate", "with another reference label"),
    ("refused", "file", "refused"),
    ("slices_skipped", "slice", "between the chosen ones left out"),
    ("localizers", "localizer", "left out"),
)


@dataclass
class ImportReport:
    """What an import did.

    Attributes
    ----------
    added : int
        Pictures that the project did not have.
    duplicates : list of (path, id)
        Files with the same pixels as a picture that was there first.
    moved : int
        Images whose file had gone, and that are read from one of these files from now on.
    known : int
        Files that an earlier import had taken in, unchanged since.
    refused : list of (path, reason)
        Files that could not be read.
    conflicts : list of (path, id)
        Duplicates whose reference label contradicts the first file's; the first stands.
    filled : int
        Known images that were given the reference label or the group that they lacked.
    ignored : dict
        How many files were left out because of their ending, by ending (".docx"; "" for none).
    volumes : int
        DICOM series and NIfTI volumes whose slices were brought in order.
    slices_skipped, localizers : int
        Slices that the step between slices does not take; survey images, which are left out.
    volume_notes : list of (path, sentence)
        What is odd about a volume, by its first slice: slices that are missing, a tilt.
    passed_over : dict
        How many frames of videos were left out because they show nothing: "black", "blurred".
    notes : list of (path, sentence)
        What is to be known of a video: text burnt in, an end that is missing.
    seconds : float
    """

    added: int = 0
    duplicates: list[tuple[str, str]] = field(default_factory=list)
    moved: int = 0
    known: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)
    conflicts: list[tuple[str, str]] = field(default_factory=list)
    filled: int = 0
    ignored: dict[str, int] = field(default_factory=dict)
    volumes: int = 0
    slices_skipped: int = 0
    localizers: int = 0
    volume_notes: list[tuple[str, str]] = field(default_factory=list)
    passed_over: dict[str, int] = field(default_factory=dict)
    notes: list[tuple[str, str]] = field(default_factory=list)
    seconds: float = 0.0

    def note_volumes(self, scan: Scan) -> None:
        """Take over what a scan says of volumes."""
        self.volumes = len(scan.volumes)
        self.slices_skipped, self.localizers = scan.skipped, scan.localizers
        self.volume_notes = [(v.path, note) for v in scan.volumes for note in v.notes]

    @property
    def sentence(self) -> str:
        """What was done, in words: "1,198 images added, 2 duplicates of others, 3 refused."."""
        return import_sentence(asdict(self))


def import_sentence(report: Mapping[str, Any]) -> str:
    """Return :attr:`ImportReport.sentence` of a report as it was written down."""
    counts = {name: len(n) if isinstance(n, list) else n for name, n in report.items()}
    parts = [plural(counts["added"], "image") + " added"]
    for name, noun, words in _COUNTED:
        if counts.get(name):
            parts.append(f"{plural(counts[name], noun)} {words}")
    for reason, number in sorted((report.get("passed_over") or {}).items()):
        parts.append(f"{plural(number, f'{reason} frame')} left out")
    return ", ".join(parts) + "." + left_out(report.get("ignored") or {})


def left_out(ignored: Mapping[str, int]) -> str:
    """Say what was left out because of its ending, the commonest first."""
    endings = sorted(ignored.items(), key=lambda item: (-item[1], item[0]))
    if not endings:
        return ""
    named = [f"{n:,} {ending or 'without an ending'}" for ending, n in endings[:_ENDINGS]]
    if rest := sum(n for _, n in endings[_ENDINGS:]):
        named.append(f"{rest:,} others")
    return f" Left out, because no image is read from such files: {', '.join(named)}."
