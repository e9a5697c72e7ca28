"""Where a DICOM picture lies in its series: what of a header makes slices a volume.

The geometry is that of PS3.3 C.7.6.2 (Image Plane): a slice's position is its origin's along the
normal of its plane. The identifiers that are read here never leave this room but as the codes
that ``VolumeRules.code`` makes of them.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fewshot_lab.images.dicom import frame_count, read_header
from fewshot_lab.images.unreadable import with_reason

SLICED = {"CT", "MR", "PT", "NM"}
"""Modalities whose series are volumes even where a header tells no position."""

Vector = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class SliceHeader:
    """What one file's header says of its place.

    Attributes
    ----------
    series : str
        SeriesInstanceUID; "" where there is none.
    group : str or None
        The value of the field that was asked for.
    modality : str
    localizer : bool
        Whether this is a survey image (ImageType) on which slices are planned.
    normal, origin : (x, y, z) or None
        In mm, of the patient's coordinate system.
    number : int or None
        InstanceNumber.
    rows, columns, frames : int
    """

    series: str
    group: str | None
    modality: str
    localizer: bool
    normal: Vector | None
    origin: Vector | None
    number: int | None
    rows: int
    columns: int
    frames: int

    @property
    def position(self) -> float | None:
        """Where the slice lies along its normal, in mm."""
        if self.normal is None or self.origin is None:
            return None
        return float(np.dot(self.normal, self.origin))

    @property
    def is_slice(self) -> bool:
        """Whether this may be one slice of a volume."""
        placed = self.normal is not None or self.modality in SLICED
        return self.frames == 1 and bool(self.series) and placed


def slice_header(path: Path, group_field: str | None = None) -> SliceHeader:
    """Read where a file's picture lies.

    Raises
    ------
    UnreadableImage
    """
    header = read_header(path)
    with with_reason(lambda _: "The DICOM header is damaged."):
        return header_of(header, frame_count(header, path), group_field)


def header_of(header: Any, frames: int = 1, group_field: str | None = None) -> SliceHeader:
    """Return what a header says, wherever it came from.

    Parameters
    ----------
    header : pydicom.Dataset
    frames : int
    group_field : str, optional
    """
    across = _numbers(header.get("ImageOrientationPatient"), 6)
    normal = None
    if across is not None:
        crossed = np.cross(across[:3], across[3:])
        length = float(np.linalg.norm(crossed))
        normal = _vector(crossed / length) if length > 1e-3 else None
    origin = _numbers(header.get("ImagePositionPatient"), 3)
    modality = str(header.get("Modality") or "").strip().upper()
    kinds = [str(word).upper() for word in header.get("ImageType") or ()]
    group = str(header.get(group_field) or "").strip() if group_field else ""
    number = _numbers([header.get("InstanceNumber")], 1)
    return SliceHeader(
        series=str(header.get("SeriesInstanceUID") or "").strip(),
        group=group or None,
        modality=modality,
        localizer=modality in SLICED and "LOCALIZER" in kinds[2:],
        normal=normal,
        origin=_vector(origin) if origin is not None else None,
        number=int(number[0]) if number is not None else None,
        rows=int(header.Rows),
        columns=int(header.Columns),
        frames=frames,
    )


def _vector(values: np.ndarray) -> Vector:
    x, y, z = (float(value) for value in values)
    return x, y, z


def _numbers(value: Any, n: int) -> np.ndarray | None:
    """Return n finite numbers of a header; None where they are missing or no numbers."""
    try:
        numbers = np.array([float(each) for each in value], dtype=float)
    except (TypeError, ValueError):
        return None
    return numbers if numbers.shape == (n,) and bool(np.isfinite(numbers).all()) else None
