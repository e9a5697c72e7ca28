"""DICOM series as scanners write them, drawn here."""

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

NAME = "Doe^Jane"


def slice_dataset(seed: int, side: int = 16, **values: Any) -> Dataset:
    """Return a CT slice of noise; ``values`` go into its header."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = CTImageStorage
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.PatientName, data.PatientID, data.Modality = NAME, f"id-{NAME}", "CT"
    data.PatientBirthDate, data.PatientSex = "19700101", "F"
    data.StudyDate, data.StudyTime, data.StudyID = "20260101", "120000", "1"
    data.AccessionNumber, data.ReferringPhysicianName = "A-7", ""
    data.SeriesNumber, data.ImageType = 1, ["ORIGINAL", "PRIMARY", "AXIAL"]
    data.FrameOfReferenceUID = "1.2.3.9"
    data.Rows = data.Columns = side
    data.PixelSpacing, data.SliceThickness = [1, 1], 2
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 12, 11, 0
    data.RescaleSlope, data.RescaleIntercept, data.RescaleType = 1, -1024, "HU"
    data.WindowCenter, data.WindowWidth = 40, 400
    pixels = np.random.default_rng(seed).integers(0, 4096, (side, side), np.uint16)
    data.PixelData = pixels.tobytes()
    for name, value in values.items():
        setattr(data, name, value)
    return data


def write_series(
    folder: Path,
    positions: list[float],
    *,
    series: str | None = None,
    study: str = "1.2.3.4",
    seed: int = 0,
    tilt: float = 0.0,
    **values: Any,
) -> list[Path]:
    """Write axial slices in a shuffled order of names; return the files by position.

    ``tilt`` turns the slices' planes about the x axis, as a gantry does: degrees.
    """
    folder.mkdir(parents=True, exist_ok=True)
    uid = series or generate_uid()
    names = np.random.default_rng(seed).permutation(len(positions))
    angle = np.radians(tilt)
    across = [1, 0, 0, 0, round(np.cos(angle), 6), round(np.sin(angle), 6)]
    files = []
    for k, (place, name) in enumerate(zip(positions, names, strict=True)):
        data = slice_dataset(
            1000 * seed + k,
            **{
                "SeriesInstanceUID": uid,
                "StudyInstanceUID": study,
                "ImageOrientationPatient": across,
                "ImagePositionPatient": [-8, -8, place],
                "InstanceNumber": int(name) + 1,
                **values,
            },
        )
        file = folder / f"{name:04d}.dcm"
        pydicom.dcmwrite(file, data, enforce_file_format=True)
        files.append(file)
    return files


def write_phantom(folder: Path, slices: int, side: int = 128, **values: Any) -> list[Path]:
    """Write a chest drawn in Hounsfield units, with a nodule in its middle slices."""
    files = write_series(folder, [3.0 * k for k in range(slices)], side=side, **values)
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    rng = np.random.default_rng(values.get("seed", 0))
    for k, file in enumerate(files):
        hu = np.full((side, side), -1000.0)
        hu[x**2 / 0.8 + y**2 / 0.45 < 1] = 40
        width = 0.11 * np.sin(np.pi * (k + 1) / (slices + 1))
        for middle in (-0.42, 0.42):
            hu[(x - middle) ** 2 / max(width, 0.01) + (y + 0.05) ** 2 / 0.16 < 1] = -850
        hu[x**2 + (y - 0.45) ** 2 < 0.012] = 700
        if abs(k - slices // 2) < slices // 5:
            hu[(x - 0.4) ** 2 + (y + 0.1) ** 2 < 0.006] = 60
        data = pydicom.dcmread(file)
        stored = np.clip(hu + rng.normal(0, 12, hu.shape) + 1024, 0, 4095).astype(np.uint16)
        data.PixelData = stored.tobytes()
        data.save_as(file)
    return files
