"""Videos inside DICOM: the very frames of the stream, wherever its fragments are cut."""

import random
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import itemize_fragment
from pydicom.uid import UID, VideoEndoscopicImageStorage, generate_uid

from fewshot_lab.images import UnreadableImage, count_frames, is_clip, kind_of, read_rgb, scan

N = 40
STREAMS = {
    "MPEG-2, program stream": ("a.mpg", "mpeg2video", "100", {"g": "12", "bf": "2"}),
    "H.264, MP4": ("a.mp4", "libx264", "102", {"g": "16", "bf": "3"}),
    "H.264, stream alone": ("a.h264", "libx264", "104", {"g": "16", "bf": "3"}),
    "HEVC, transport stream": (
        "a.ts",
        "libx265",
        "107",
        {"x265-params": "keyint=16:log-level=none:pools=none"},
    ),
}


def as_dicom(video: Path, syntax: str, cuts: int = 3) -> Path:
    """Wrap a stream as a scanner does, in several fragments of even length."""
    stream = video.read_bytes()
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = UID(f"1.2.840.10008.1.2.4.{syntax}")
    data.SOPClassUID = VideoEndoscopicImageStorage
    data.SOPInstanceUID = generate_uid()
    data.PatientID, data.Modality = "MUELLER", "ES"
    data.Rows, data.Columns, data.NumberOfFrames = 120, 160, N
    data.SamplesPerPixel, data.PhotometricInterpretation = 3, "YBR_PARTIAL_420"
    data.PlanarConfiguration = data.PixelRepresentation = 0
    data.BitsAllocated, data.BitsStored, data.HighBit = 8, 8, 7
    data.FrameTime = 40
    length = len(stream) // cuts // 2 * 2
    starts = [length * k for k in range(cuts)] + [len(stream)]
    parts = [stream[a:b] for a, b in pairwise(starts)]
    parts[-1] += b"\0" * (len(parts[-1]) % 2)
    data.PixelData = b"\xfe\xff\x00\xe0\0\0\0\0" + b"".join(map(itemize_fragment, parts))
    data["PixelData"].VR = "OB"
    file = video.with_suffix(f".{syntax}.dcm")
    data.save_as(file, enforce_file_format=True)
    return file


@pytest.mark.parametrize("kind", STREAMS)
def test_its_frames_are_those_of_the_stream(kind, write_video, number_in, tmp_path):
    name, codec, syntax, options = STREAMS[kind]
    video = write_video(tmp_path / name, N, codec=codec, options=options)
    file = as_dicom(video, syntax)
    assert kind_of(file) == "dicom" and is_clip(file) and count_frames(file) == N
    order = list(range(N))
    random.Random(kind).shuffle(order)
    for frame in order:
        picture = read_rgb(file, frame)
        assert number_in(picture) == frame
        if video.suffix in (".mpg", ".mp4"):  # the others are no files that are read by themselves
            assert np.array_equal(picture, read_rgb(video, frame))
    chosen = list(scan(file))
    assert [each.frame for each in chosen] == [0, 25]
    assert chosen[1].meta["time (s)"] == pytest.approx(1, abs=0.05)


def test_a_file_that_is_cut_short_gives_what_is_there(write_video, tmp_path):
    options = {"g": "8", "bf": "0"}
    file = as_dicom(write_video(tmp_path / "a.h264", N, options=options), "102")
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) * 2 // 3])
    assert 8 < count_frames(file) < N
    file.write_bytes(whole[: whole.index(b"\xfe\xff\x00\xe0")])
    with pytest.raises(UnreadableImage, match="cut short: it contains no part of its video"):
        read_rgb(file)
    file.write_bytes(whole[: whole.index(b"\xfe\xff\x00\xe0") + 16] + bytes(400))
    with pytest.raises(UnreadableImage, match="damaged or cut short"):
        read_rgb(file)
