"""Slides that tests make themselves."""

from pathlib import Path

import numpy as np
from PIL import Image


def picture(width: int, height: int, seed: int = 0) -> np.ndarray:
    """Return glass with a textured, coloured disc of tissue on its left half."""
    rng = np.random.default_rng(seed)
    y, x = np.ogrid[:height, :width]
    glass = np.full((height, width, 3), 245, np.uint8)
    coarse = rng.integers(
        (130, 50, 110), (230, 130, 210), (-(-height // 32), -(-width // 32), 3), np.int16
    )
    fine = rng.integers(-10, 10, (height, width, 3), np.int16)
    tissue = (coarse.repeat(32, 0).repeat(32, 1)[:height, :width] + fine).astype(np.uint8)
    inside = (x - width / 4) ** 2 + (y - height / 2) ** 2 < (0.22 * width) ** 2
    return np.where(inside[..., None], tissue, glass)


def levels_of(pixels: np.ndarray, count: int = 3) -> list[np.ndarray]:
    """Return a pyramid, each level a quarter of the one before."""
    levels = [pixels]
    for _ in range(count - 1):
        levels.append(np.asarray(Image.fromarray(levels[-1]).reduce(4)))
    return levels


def write_pyramid(
    file: Path, pixels: np.ndarray, *, mpp: float | None = 0.5, ome: bool = False, levels: int = 3
) -> Path:
    """Write a TIFF in tiles with its levels: as further pages, or as SubIFDs of an OME-TIFF."""
    import tifffile

    first, *others = levels_of(pixels, levels)
    how = {"tile": (256, 256), "photometric": "rgb", "compression": "zlib"}
    if mpp is not None:
        how |= {"resolution": (1e4 / mpp, 1e4 / mpp), "resolutionunit": "CENTIMETER"}
    about = {"axes": "YXS", "PhysicalSizeX": mpp, "PhysicalSizeXUnit": "µm"} if ome else None
    with tifffile.TiffWriter(file, ome=ome) as tiff:
        tiff.write(first, metadata=about, **(how | ({"subifds": len(others)} if ome else {})))
        for level in others:
            tiff.write(level, subfiletype=1, metadata=None, **(how | {"resolution": None}))
    return file


def write_dicom_slide(folder: Path, pixels: np.ndarray, *, mpp: float = 0.5) -> list[Path]:
    """Write a slide as DICOM has them: a file for each of two levels, in tiles of 128 pixels."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    files, side = [], 128
    uids = {name: generate_uid() for name in ("StudyInstanceUID", "SeriesInstanceUID")}
    for k, level in enumerate(levels_of(pixels, 2)):
        high, wide = level.shape[:2]
        padded = np.pad(level, ((0, -high % side), (0, -wide % side), (0, 0)))
        rows, columns = padded.shape[0] // side, padded.shape[1] // side
        tiles = padded.reshape(rows, side, columns, side, 3).swapaxes(1, 2)
        measures, groups, path = Dataset(), Dataset(), Dataset()
        measures.PixelSpacing = [mpp / 1000 * 4**k] * 2
        measures.SliceThickness = 0.001
        groups.PixelMeasuresSequence = [measures]
        path.OpticalPathIdentifier = "1"
        data = Dataset()
        data.file_meta = FileMetaDataset()
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data.SOPClassUID = "1.2.840.10008.5.1.4.1.1.77.1.6"
        data.SOPInstanceUID = generate_uid()
        data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
        data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
        for name, value in {
            **uids,
            "Modality": "SM",
            "PatientID": "P1",
            "ImageType": ["DERIVED" if k else "ORIGINAL", "PRIMARY", "VOLUME", "NONE"],
            "Rows": side,
            "Columns": side,
            "NumberOfFrames": rows * columns,
            "SamplesPerPixel": 3,
            "PhotometricInterpretation": "RGB",
            "PlanarConfiguration": 0,
            "BitsAllocated": 8,
            "BitsStored": 8,
            "HighBit": 7,
            "PixelRepresentation": 0,
            "TotalPixelMatrixColumns": wide,
            "TotalPixelMatrixRows": high,
            "TotalPixelMatrixFocalPlanes": 1,
            "DimensionOrganizationType": "TILED_FULL",
            "NumberOfOpticalPaths": 1,
            "OpticalPathSequence": [path],
            "SharedFunctionalGroupsSequence": [groups],
            "PixelData": tiles.tobytes(),
        }.items():
            setattr(data, name, value)
        files.append(folder / f"level{k}.dcm")
        data.save_as(files[-1], enforce_file_format=True)
    return files
