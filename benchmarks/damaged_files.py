"""Damaged files of every kind that is read: each is a picture or a sentence, never anything else.

    python benchmarks/damaged_files.py [--files 5000] [--seed 0] [--keep FOLDER]

Sound files of each kind are made here and damaged: cut off, bits flipped, bytes zeroed, repeated
or left out, the beginning of another kind put before them. Frames are counted, the last is read,
grey values are looked at, ZIPs and tables scanned, 250 to a process, so that a crash of a library
is seen, too. Printed: how many were read and refused with which reasons; what was raised beside a
sentence for the user, laid on the program, or written to the terminal by a library (all three must
be none), and the slowest.
"""

import argparse
import gzip
import io
import json
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import imagecodecs  # noqa: E402
import nibabel  # noqa: E402
import pydicom  # noqa: E402
import tifffile  # noqa: E402
from PIL import Image  # noqa: E402
from pydicom.dataset import Dataset, FileMetaDataset  # noqa: E402
from pydicom.encaps import encapsulate  # noqa: E402

BATCH = 250
SYNTAX = "1.2.840.10008.1.2"
TIFFS = [None, "zlib", "lzw", "packbits", "jpeg", "jpeg2000", "webp", "lzma", "zstd", "jpegxl"]


def sound_files(rng: np.random.Generator) -> dict[str, bytes]:
    """Make a file of every kind, by name."""
    y, x = np.mgrid[:48, :64]
    noise = rng.integers(0, 40, (48, 64, 3))
    colour = np.clip(np.stack([x * 3, y * 4, x + y], -1) + noise, 0, 255).astype(np.uint8)
    grey, deep = colour[..., 0].copy(), colour[..., 0].astype(np.uint16) * 200
    picture = Image.fromarray(colour)
    files: dict[str, bytes] = {}

    def pillow(name: str, image: Image.Image = picture, **options: object) -> None:
        buffer = io.BytesIO()
        kinds = {"jpg": "JPEG", "tif": "TIFF", "jp2": "JPEG2000"}
        ending = name.rpartition(".")[2]
        image.save(buffer, kinds.get(ending, ending.upper()), **options)
        files[name] = buffer.getvalue()

    for ending in ("png", "jpg", "bmp", "webp", "gif", "ppm", "tga", "jp2", "avif", "tif"):
        pillow(f"plain.{ending}")
    pillow("progressive.jpg", progressive=True)
    pillow("cmyk.jpg", picture.convert("CMYK"))
    pillow("palette.png", picture.quantize(16))
    pillow("deep.png", Image.fromarray(deep))
    pillow("alpha.webp", picture.convert("RGBA").rotate(9))
    pillow("pages.tif", save_all=True, append_images=[picture.rotate(90), picture.rotate(180)])
    for compression in ("tiff_lzw", "jpeg", "group4", "tiff_deflate"):
        image = picture.convert("1") if compression == "group4" else picture
        pillow(f"pillow-{compression}.tif", image, compression=compression)
    for compression in TIFFS:
        for what, values in (("colour", colour), ("deep", deep)):
            if what == "deep" and compression in ("jpeg", "webp"):
                continue
            buffer = io.BytesIO()
            tifffile.imwrite(buffer, values, compression=compression, tile=(32, 32))
            files[f"{what}-{compression}.tif"] = buffer.getvalue()
    files["deep.jpg"] = imagecodecs.jpeg8_encode(deep >> 4, bitspersample=12)
    files["lossless.jpg"] = imagecodecs.ljpeg_encode(grey)
    files["a.jls"] = imagecodecs.jpegls_encode(deep)
    files["a.jxl"] = imagecodecs.jpegxl_encode(colour, lossless=True)
    files["a.psd"] = (
        b"8BPS" + (1).to_bytes(2, "big") + b"\0" * 6 + (3).to_bytes(2, "big")
        + (48).to_bytes(4, "big") + (64).to_bytes(4, "big") + b"\0\x08\0\x03" + b"\0" * 14
        + np.moveaxis(colour, -1, 0).tobytes()
    )  # fmt: skip
    masked = (0xF00).to_bytes(4, "little") + b"\xf0\0\0\0" + b"\x0f\0\0\0"
    header = b"".join(n.to_bytes(4, "little") for n in (40, 64, 48, 1 | 16 << 16, 3, 0, 0, 0, 0, 0))
    files["masks.bmp"] = b"BM" + b"\0" * 8 + b"\x42\0\0\0" + header + masked + deep.tobytes()
    volume = nibabel.Nifti1Image(np.stack([deep] * 4, -1).astype(np.int16), np.eye(4))
    files["a.nii"] = volume.to_bytes()
    files["a.nii.gz"] = gzip.compress(files["a.nii"])
    codes: dict[str, Callable[[np.ndarray], bytes]] = {
        ".4.50": lambda v: imagecodecs.jpeg8_encode(v, level=90),
        ".4.70": lambda v: imagecodecs.jpeg8_encode(v, lossless=True),
        ".4.80": imagecodecs.jpegls_encode,
        ".4.90": lambda v: imagecodecs.jpeg2k_encode(v, codecformat="j2k", level=0),
        ".4.201": imagecodecs.htj2k_encode,
    }
    for syntax in ("", ".1", ".2", ".1.99", *codes):
        for what, values in (("grey", grey), ("deep", deep), ("colour", colour)):
            if syntax == ".4.50" and what == "deep":
                continue
            coded = [bytes(codes[syntax](values))] if syntax in codes else None
            files[f"{what}{syntax}.dcm"] = dicom(values, SYNTAX + syntax, coded)
    files["grey.dcm.gz"] = gzip.compress(files["grey.1.dcm"])
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", method) as archive:
            for name in ("plain.png", "plain.jpg", "grey.1.dcm", "a.nii"):
                archive.writestr(f"in/{name}", files[name])
        files[f"{method}.zip"] = buffer.getvalue()
    buffer = io.BytesIO()
    np.savez_compressed(buffer, train_images=colour[None], train_labels=np.array([[1]]))
    files["bloodmnist.npz"] = buffer.getvalue()
    table = "path,label,patient\nplain.png,Größe,7\nsub\\b.png,b,8\n"
    files["manifest.csv"] = table.encode()
    files["utf16.csv"] = table.encode("utf-16")
    return files


def dicom(values: np.ndarray, syntax: str, coded: list[bytes] | None) -> bytes:
    """Write a DICOM file."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = syntax
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = "1.2.3"
    data.Rows, data.Columns = values.shape[:2]
    data.SamplesPerPixel = 1 if values.ndim == 2 else 3
    data.PlanarConfiguration = 0
    data.PhotometricInterpretation = "MONOCHROME2" if values.ndim == 2 else "RGB"
    data.BitsAllocated = data.BitsStored = values.dtype.itemsize * 8
    data.HighBit, data.PixelRepresentation = data.BitsStored - 1, 0
    data.WindowCenter, data.WindowWidth = 20000, 30000
    data.PixelData = values.tobytes() if coded is None else encapsulate(coded)
    data["PixelData"].VR = "OB" if coded or data.BitsAllocated == 8 else "OW"
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, data, enforce_file_format=True)
    return buffer.getvalue()


def damaged(rng: np.random.Generator, data: bytes, other: bytes) -> bytes:
    """Damage a file in one or two ways."""
    for _ in range(rng.integers(1, 3)):
        bytes_ = bytearray(data)
        if not bytes_:
            return data
        at = int(rng.integers(len(bytes_)))
        run = int(rng.integers(1, 40))
        way = int(rng.integers(7))
        if way == 0:
            del bytes_[at:]
        elif way == 1:  # some bits anywhere
            for place in rng.integers(len(bytes_), size=rng.integers(1, 30)):
                bytes_[place] ^= 1 << int(rng.integers(8))
        elif way == 2:  # and in the header, where they matter
            for place in rng.integers(min(len(bytes_), 400), size=rng.integers(1, 6)):
                bytes_[place] = int(rng.integers(256))
        elif way == 3:
            bytes_[at : at + run] = bytes(len(bytes_[at : at + run]))
        elif way == 4:
            del bytes_[at : at + run]
        elif way == 5:
            bytes_[at:at] = bytes_[at : at + run]
        else:
            head = int(rng.integers(4, 200))
            bytes_[:head] = other[:head]
        data = bytes(bytes_)
    return data


def read_batch(start: int, count: int, seed: int, folder: Path) -> None:
    """Make and read some damaged files; write what came of each as a line of JSON."""
    from fewshot_lab.errors import FewshotLabError
    from fewshot_lab.images import count_frames, examine, read_grey_values, read_rgb, scan

    sound = sound_files(np.random.default_rng(seed))
    names = list(sound)
    with (folder / "results.jsonl").open("a") as results:
        for number in range(start, start + count):
            rng = np.random.default_rng([seed, number])
            name, other = names[number % len(names)], names[int(rng.integers(len(names)))]
            file = folder / f"{number:05d}-{name}"
            file.write_bytes(damaged(rng, sound[name], sound[other]))
            outcome, began = {"file": file.name, "kind": name}, time.monotonic()
            print(json.dumps(outcome), file=results, flush=True)
            try:
                if file.suffix in (".zip", ".npz", ".csv"):
                    list(examine(scan(file, extract_to=folder / "unpacked"), workers=1))
                else:
                    read_rgb(file, count_frames(file) - 1)
                    read_grey_values(file)
                outcome["read"] = True
            except FewshotLabError as error:
                outcome["reason"] = str(error)
            except BaseException as error:
                outcome["raised"] = f"{type(error).__name__}: {error}"
            outcome["seconds"] = round(time.monotonic() - began, 2)
            print(json.dumps(outcome), file=results, flush=True)
            if "raised" not in outcome and "program" not in outcome.get("reason", ""):
                file.unlink()


def main() -> int:
    """Run all batches and print the figures."""
    parser = argparse.ArgumentParser(description="Read damaged files of every kind.")
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="where files that went wrong stay")
    parser.add_argument("--batch", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    folder = options.keep or Path(tempfile.mkdtemp(prefix="damaged-"))
    folder.mkdir(parents=True, exist_ok=True)
    if options.batch is not None:
        count = min(BATCH, options.files - options.batch)
        read_batch(options.batch, count, options.seed, folder)
        return 0
    (folder / "results.jsonl").unlink(missing_ok=True)
    printed, crashes = [], []
    for start in range(0, options.files, BATCH):
        command = [sys.executable, __file__, "--batch", str(start), "--keep", str(folder)]
        command += ["--files", str(options.files), "--seed", str(options.seed)]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
        printed += [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        if done.returncode:
            lines = (folder / "results.jsonl").read_text().splitlines()
            crashes.append(f"exit {done.returncode} at {lines[-1]}")
    rows = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    rows = [row for row in rows if "seconds" in row]
    reasons = Counter(row["reason"] for row in rows if "reason" in row)
    raised = [row for row in rows if "raised" in row]
    own = [row for row in rows if "of this program" in row.get("reason", "")]
    kinds = len({row["kind"] for row in rows})
    print(f"{len(rows):,} damaged files of {kinds} kinds, seed {options.seed}")
    print(f"{sum('read' in row for row in rows):,} read, {sum(reasons.values()):,} refused:")
    for reason, times in reasons.most_common(12):
        print(f"  {times:5,}  {reason}")
    for title, wrong in (("raised", raised), ("laid on the program", own)):
        print(f"{len(wrong):,} {title}")
        for row in wrong[:20]:
            print(f"  {row['file']}: {row.get('raised') or row['reason']}")
    print(f"{len(printed):,} lines printed by libraries")
    for line, times in Counter(printed).most_common(15):
        print(f"  {times:5,}  {line[:160]}")
    print(f"{len(crashes):,} crashes")
    print("\n".join(crashes))
    slowest = max(rows, key=lambda row: row["seconds"])
    print(f"slowest: {slowest['seconds']} s ({slowest['file']})")
    return 1 if raised or own or printed or crashes else 0


if __name__ == "__main__":
    sys.exit(main())
