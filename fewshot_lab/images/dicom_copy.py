"""One grey frame of a DICOM file as a file of its own, with nothing that names a patient."""

import io
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from fewshot_lab.images.dicom import read_dicom, read_frame, unit_of
from fewshot_lab.images.dicom_grey import modality_values

_SHOWN_BY = (
    "PixelPaddingValue",
    "PixelPaddingRangeLimit",
    "RescaleSlope",
    "RescaleIntercept",
    "ModalityLUTSequence",
    "VOILUTSequence",
    "WindowCenter",
    "WindowWidth",
    "VOILUTFunction",
)
"""What of a header the picture depends on; nothing else is kept."""


def dicom_values_only(path: Path, frame: int) -> bytes | None:
    """Return a DICOM file of the stored values of one frame and of what shows them.

    A window chosen later then works on the values that the modality measured.

    Returns
    -------
    bytes or None
        None for colour, and where the copy would not show the very same picture.

    Raises
    ------
    UnreadableImage
    """
    data = read_frame(path, frame, _written)
    if data is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        copied = Path(folder, "frame.dcm")
        copied.write_bytes(data)
        same = read_dicom(copied, 0).tobytes() == read_dicom(path, frame).tobytes()
    return data if same else None


_FRAME_VALUES = ("PixelValueTransformationSequence", "FrameVOILUTSequence")
_TEXTS = ("LO", "LT", "SH", "ST", "UT")
_PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
_WITH_PIXELS = {"Modality", "RescaleType", "NumberOfFrames", *_PIXELS}


def pixels_of(dataset: Any) -> bytes:
    """Return an instance as a file that holds its pixels and what shows them, and nothing else.

    Parameters
    ----------
    dataset : pydicom.Dataset
        With its pixels, compressed or not.

    Raises
    ------
    ValueError
        Where it cannot be written, as it is damaged.
    """
    from pydicom import dcmwrite

    buffer = io.BytesIO()
    try:
        bare = _capture(dataset.file_meta.TransferSyntaxUID)
        for element in dataset:
            if element.keyword in _WITH_PIXELS or (
                element.tag.group == 0x0028 and element.VR not in _TEXTS
            ):
                bare.add(element)
        _without_texts(bare)
        for name in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
            if name in dataset:
                setattr(bare, name, [_frame_values(item) for item in dataset.get(name)])
        dcmwrite(buffer, bare, enforce_file_format=True)
    except Exception as error:  # the reader raises nearly anything on damaged data
        raise ValueError("The DICOM data are damaged or of a kind that is not known.") from error
    return buffer.getvalue()


def _capture(syntax: Any) -> Any:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import SecondaryCaptureImageStorage, generate_uid

    dataset = Dataset()
    dataset.file_meta = meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    dataset.SOPClassUID = meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID = generate_uid()
    return dataset


def _without_texts(dataset: Any) -> None:
    """Take what somebody may have written about a table of values out of it."""
    for element in dataset:
        for item in element.value if element.VR == "SQ" else ():
            for name in ("LUTExplanation", "ModalityLUTType"):
                item.pop(name, None)


def _frame_values(groups: Any) -> Any:
    from pydicom.dataset import Dataset

    kept = Dataset()
    for name in _FRAME_VALUES:
        if name in groups:
            setattr(kept, name, groups.get(name))
    return kept


def _written(stored: np.ndarray, photometric: str, header: Any, frame: int) -> bytes | None:
    from pydicom import dcmwrite
    from pydicom.uid import ExplicitVRLittleEndian

    if not photometric.startswith("MONOCHROME") or stored.dtype.kind not in "ui":
        return None
    _, used = modality_values(stored, header, frame)
    copy = _capture(ExplicitVRLittleEndian)
    copy.Rows, copy.Columns = stored.shape
    copy.SamplesPerPixel, copy.PhotometricInterpretation = 1, photometric
    copy.BitsAllocated = 8 * stored.dtype.itemsize
    copy.BitsStored = int(header.get("BitsStored") or copy.BitsAllocated)
    copy.HighBit = copy.BitsStored - 1
    copy.PixelRepresentation = int(stored.dtype.kind == "i")
    for name in _SHOWN_BY:
        if (value := used.get(name, header.get(name))) is not None:
            setattr(copy, name, value)
    _without_texts(copy)
    if unit := unit_of(header):
        copy.RescaleType = unit
    copy.PixelData = stored.astype(stored.dtype.newbyteorder("<")).tobytes()
    if len(copy.PixelData) % 2:
        copy.PixelData += b"\0"
    copy["PixelData"].VR = "OW" if copy.BitsAllocated > 8 else "OB"
    buffer = io.BytesIO()
    dcmwrite(buffer, copy, enforce_file_format=True)
    return buffer.getvalue()
