"""One grey frame of a DICOM file as a file of its own, with nothing that names a patient."""

from __future__ import annotations

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


def _written(stored: np.ndarray, photometric: str, header: Any, frame: int) -> bytes | None:
    from pydicom import dcmwrite
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

    if not photometric.startswith("MONOCHROME") or stored.dtype.kind not in "ui":
        return None
    _, used = modality_values(stored, header, frame)
    copy = Dataset()
    copy.file_meta = FileMetaDataset()
    copy.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    copy.SOPClassUID = copy.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    copy.SOPInstanceUID = copy.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    copy.Rows, copy.Columns = stored.shape
    copy.SamplesPerPixel, copy.PhotometricInterpretation = 1, photometric
    copy.BitsAllocated = 8 * stored.dtype.itemsize
    copy.BitsStored = int(header.get("BitsStored") or copy.BitsAllocated)
    copy.HighBit = copy.BitsStored - 1
    copy.PixelRepresentation = int(stored.dtype.kind == "i")
    for name in _SHOWN_BY:
        if (value := used.get(name, header.get(name))) is not None:
            setattr(copy, name, value)
    for table in (copy.get(name) for name in ("ModalityLUTSequence", "VOILUTSequence")):
        for item in table or ():
            for name in ("LUTExplanation", "ModalityLUTType"):
                item.pop(name, None)
    if unit := unit_of(header):
        copy.RescaleType = unit
    copy.PixelData = stored.astype(stored.dtype.newbyteorder("<")).tobytes()
    if len(copy.PixelData) % 2:
        copy.PixelData += b"\0"
    copy["PixelData"].VR = "OW" if copy.BitsAllocated > 8 else "OB"
    buffer = io.BytesIO()
    dcmwrite(buffer, copy, enforce_file_format=True)
    return buffer.getvalue()
