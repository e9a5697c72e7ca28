"""Videos: every frame is the one that was asked for, whatever the container does."""

import hashlib
import json
import random
from pathlib import Path

import numpy as np
import pytest

from fewshot_lab.images import UnreadableImage, count_frames, read_rgb, scan
from fewshot_lab.images.clips import clip_facts, read_clip
from fewshot_lab.images.video_index import index_video

av = pytest.importorskip("av", reason="videos are read by PyAV (pip install fewshot-lab[video])")

N = 64
SHORT = {"bf": "3", "g": "16"}
KINDS = {
    "B-frames, MP4": ("a.mp4", "libx264", SHORT, {}),
    "open GOP, MP4": (
        "a.mp4",
        "libx264",
        {"x264-params": "open-gop=1:keyint=16:bframes=3:b-adapt=0"},
        {},
    ),
    "open GOP, HEVC": (
        "a.mkv",
        "libx265",
        {"x265-params": "open-gop=1:keyint=16:bframes=3:log-level=none:pools=none"},
        {},
    ),
    "no key frames but the first": ("a.mp4", "libx264", {"g": "9999", "sc_threshold": "0"}, {}),
    "refreshed bit by bit": ("a.mp4", "libx264", {"x264-params": "intra-refresh=1:keyint=16"}, {}),
    "stamps made up by AVI": ("a.avi", "libx264", SHORT, {}),
    "MPEG-4 part 2, AVI": ("a.avi", "mpeg4", {"g": "16"}, {}),
    "motion JPEG, QuickTime": ("a.mov", "mjpeg", {}, {"pixels": "yuvj420p"}),
    "VP8 with hidden frames": (
        "a.webm",
        "libvpx",
        {"auto-alt-ref": "1", "lag-in-frames": "16", "g": "16"},
        {},
    ),
    "a rate that varies": (
        "a.mkv",
        "libx264",
        SHORT,
        {"times": [0.04 * k + 0.003 * (k % 7) + (k > 40) for k in range(N)]},
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_frame_is_its_own_in_any_order_of_reading(kind, write_video, number_in, tmp_path):
    name, codec, options, more = KINDS[kind]
    video = write_video(tmp_path / name, N, codec=codec, options=options, **more)
    assert count_frames(video) == N
    order = list(range(N))
    random.Random(kind).shuffle(order)
    pixels = {}
    for frame in order:
        picture = read_rgb(video, frame)
        assert number_in(picture) == frame
        pixels[frame] = hashlib.sha256(picture.tobytes()).digest()
    again = [hashlib.sha256(read_rgb(video, k).tobytes()).digest() for k in range(N)]
    assert again == [pixels[k] for k in range(N)]


def test_times_are_those_that_the_frames_were_written_with(write_video, tmp_path):
    times = [0.04 * k + 0.003 * (k % 7) + (k > 20) for k in range(40)]
    video = write_video(tmp_path / "v.mkv", 40, times=times)
    assert index_video(video).times == pytest.approx(times, abs=0.0015)


def test_a_video_on_its_side_is_turned_upright(write_video, tmp_path, monkeypatch):
    """The display matrix of MP4 (ISO 14496-12, 8.3.2) says how; here a quarter turn clockwise."""
    video = write_video(tmp_path / "v.mp4", 3, size=(160, 120), codec="libx264")
    upright = np.asarray(read_rgb(video, 1))
    data = bytearray(video.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    turned = [0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30]
    data[at : at + 36] = np.array(turned, ">i4").tobytes()
    aside = tmp_path / "aside.mp4"
    aside.write_bytes(data)
    picture = read_rgb(aside, 1)
    assert picture.size == (120, 160)
    assert (np.asarray(picture) == np.rot90(upright, -1)).all()


def test_pixels_that_are_wide_are_made_square(write_video, tmp_path):
    video = write_video(tmp_path / "v.mp4", 3, size=(160, 120), aspect=(4, 3))
    assert read_rgb(video, 0).size == (213, 120)


def test_colours_come_out_as_they_went_in(write_video, tmp_path):
    red = np.full((120, 160, 3), (200, 40, 60), np.uint8)
    video = write_video(tmp_path / "v.mp4", 3, draw=lambda k, size: red)
    assert np.abs(np.asarray(read_rgb(video, 2)).astype(int) - red).max() <= 4


def woven(number: int, size: tuple[int, int]) -> np.ndarray:
    """Draw a bar that moves between the fields: even lines are shown before odd ones."""
    picture = np.full((size[1], size[0], 3), 60, np.uint8)
    for field in (0, 1):
        at = 8 + 5 * (2 * number + field) % (size[0] - 40)
        picture[field::2, at : at + 24] = 220
    return picture


def comb(picture) -> float:
    """Return how far lines differ from those around them."""
    grey = np.asarray(picture.convert("L"), float)
    return float(np.abs(grey[1:-1] - (grey[:-2] + grey[2:]) / 2).mean())


@pytest.mark.parametrize("codec", ["mpeg2video", "libx264"])
def test_interlaced_frames_become_whole_pictures_in_any_order(codec, write_video, tmp_path):
    options = {"flags": "+ilme+ildct", "x264-params": "tff=1", "g": "8", "bf": "0"}
    if codec == "mpeg2video":
        del options["x264-params"]
    video = write_video(
        tmp_path / "v.mkv", 24, codec=codec, options=options, draw=woven, size=(320, 240)
    )
    fields = [read_clip(video, k, whole=False) for k in range(24)]
    whole = [read_rgb(video, k) for k in range(24)]
    assert min(map(comb, fields)) > 4 and max(map(comb, whole)) < 0.2
    order = list(range(24))
    random.Random(1).shuffle(order)
    for k in order:
        assert read_rgb(video, k).tobytes() == whole[k].tobytes()
    assert clip_facts(video).interlaced
    found = scan(video, clip_folder=tmp_path / "clips")
    first, *_ = [each.file for each in found]
    assert "deinterlaced" in found.notes[0][1]
    assert read_rgb(first, 5).tobytes() == whole[5].tobytes()
    # What was imported before that was so keeps its pixels.
    described = json.loads(first.read_text())
    del described["whole"]
    first.write_text(json.dumps(described))
    assert read_rgb(first, 5).tobytes() == fields[5].tobytes()


def reason(file: Path) -> str:
    with pytest.raises(UnreadableImage) as raised:
        read_rgb(file)
    return str(raised.value)


def test_bad_videos_are_told_in_a_sentence(write_video, tmp_path):
    good = write_video(tmp_path / "good.mp4", 60, options=SHORT).read_bytes()

    def wrong(name: str, data: bytes) -> str:
        (tmp_path / name).write_bytes(data)
        return reason(tmp_path / name)

    assert wrong("empty.mp4", b"") == "The file is empty (0 bytes)."
    assert "zeros" in wrong("zeros.mp4", bytes(5000))
    assert "cut short" in wrong("cut.mp4", good[: len(good) // 2])
    assert "not a video" in wrong("text.avi", b"patient, age\n1, 2\n" * 40)
    unknown = good.replace(b"avc1", b"zq9x")
    assert "save it as MP4" in wrong("codec.mp4", unknown)
    with pytest.raises(UnreadableImage, match="no such frame"):
        read_rgb(tmp_path / "good.mp4", 60)


def test_a_video_without_any_key_frame_is_told_so(write_video, tmp_path):
    video = write_video(tmp_path / "v.mp4", 20, options={"g": "9999", "sc_threshold": "0"})
    with av.open(str(video)) as whole, av.open(str(tmp_path / "none.mkv"), "w") as rest:
        stream = rest.add_stream_from_template(whole.streams.video[0])
        for packet in whole.demux(whole.streams.video[0]):
            if packet.dts is not None and not packet.is_keyframe:
                packet.stream = stream
                rest.mux(packet)
    assert "there is no whole key frame" in reason(tmp_path / "none.mkv")


def test_sound_alone_is_no_video(tmp_path):
    file = tmp_path / "talk.mp4"
    with av.open(str(file), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), "fltp", "mono")
        frame.sample_rate = 44100
        for packet in [*stream.encode(frame), *stream.encode()]:
            container.mux(packet)
    assert reason(file) == "The file holds sound and no pictures."


def test_an_encrypted_video_is_called_one(write_video, tmp_path):
    protection = {
        "encryption_scheme": "cenc-aes-ctr",
        "encryption_key": "76a6c65c5ea762046bd749a2e632ccbb",
        "encryption_kid": "a7e61c373e219033c21091fa607bf3b8",
    }
    video = write_video(tmp_path / "v.mp4", 5, container=protection)
    assert "encrypted" in reason(video)


def test_a_list_of_other_files_is_not_followed(tmp_path, write_video):
    """It might name files that the user may not read, or other machines."""
    write_video(tmp_path / "v.mp4", 5)
    playlist = tmp_path / "list.mp4"
    playlist.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nv.mp4\n#EXT-X-ENDLIST\n")
    assert "not a video" in reason(playlist)
    playlist.write_text("ffconcat version 1.0\nfile v.mp4\n")
    assert "not a video" in reason(playlist)


def test_a_video_that_ends_early_gives_what_is_there(write_video, number_in, tmp_path):
    whole = write_video(tmp_path / "v.mkv", 100, options=SHORT, fps=10).read_bytes()
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole[: len(whole) // 2])
    there = count_frames(cut)
    assert 20 < there < 80
    assert number_in(read_rgb(cut, there - 3)) == there - 3
    found = scan(cut)
    assert len(list(found)) < 8
    assert "cut short" in found.notes[0][1]


def test_where_the_reader_is_missing_the_command_is_named(write_video, tmp_path, monkeypatch):
    from fewshot_lab.images import video_file

    video = write_video(tmp_path / "v.mp4", 3)
    video_file.av.cache_clear()
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    assert "pip install fewshot-lab[video]" in reason(video)
    video_file.av.cache_clear()
