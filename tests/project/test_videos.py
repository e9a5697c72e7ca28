"""Videos in a project: frames by reference, boxes that nothing sees below, groups."""

import json
import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, UltrasoundMultiFrameImageStorage, generate_uid
from scipy import ndimage

from fewshot_lab.images import Box, ClipSettings, pixel_id, plan_clip, read_rgb, scan
from fewshot_lab.images.frame_quality import usual_sharpness, why_poor
from fewshot_lab.images.overlays import burnt_in
from fewshot_lab.project import Project, relink, sequence_of, slice_picture
from fewshot_lab.project.grouping import group
from fewshot_lab.project.near_duplicates import NOTHING, Near

NAME = Box(0, 44, 160, 14)


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(60, 200, (16, 20, 3)).astype(np.uint8)


def endoscopy(number: int, size: tuple[int, int]) -> np.ndarray:
    """Draw a picture that changes, a name below it that stays, black and blurred frames."""
    picture = np.kron(noise(number // 5), np.ones((6, 8, 1), np.uint8))
    picture = np.asarray(Image.fromarray(picture).resize(size)).copy()
    if number % 25 == 5:
        picture[:] = 90 + 40 * np.linspace(-1, 1, size[0])[None, :, None]
    if number % 25 == 10:
        picture[:] = 0
    picture[size[1] - 20 :, :70] = 0
    for x in range(4, 64, 6):
        picture[size[1] - 14 : size[1] - 6, x : x + 3] = 255
    return picture


@pytest.fixture(scope="module")
def clips(write_video, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    write_video(folder / "eso.mp4", 100, draw=endoscopy, size=(320, 240))
    write_video(folder / "numbers.avi", 50, codec="mpeg4")
    (folder / "broken.mp4").write_bytes(b"\0\0\0\x18ftypisom" + bytes(500))
    return folder


def test_frames_at_a_rate_without_the_black_and_blurred(clips, home):
    with Project.create("p", home=home) as project:
        report = project.import_images(clips / "eso.mp4", clips=ClipSettings(frames=5.0))
        assert report.passed_over == {"black": 4, "blurred": 4}
        assert report.added == 20 - 8
        assert "4 black frames left out, 4 blurred frames left out" in report.sentence
        rows = project.store.images()
        assert [row.path for row in rows][:3] == ["eso.mp4#0", "eso.mp4#15", "eso.mp4#20"]
        assert {row.group for row in rows} == {"eso.mp4"}
        assert rows[1].meta == {"time (s)": 0.6}
        again = project.import_images(clips / "eso.mp4", clips=ClipSettings(frames=5.0))
        assert (again.added, again.known) == (0, 12)
        every = project.import_images(
            clips / "eso.mp4", clips=ClipSettings(frames=5.0, keep_poor=True)
        )
        assert every.added + len(every.duplicates) == 8


def test_a_clip_that_was_described_before_is_measured_anew(clips, home):
    """Its sharpness was of another measure then; the frames known stay what they are."""
    with Project.create("p", home=home) as project:
        project.import_images(clips / "eso.mp4", clips=ClipSettings(frames=2.5))
        (clip,) = (project.folder / "videos").glob("*.clip")
        text = json.loads(clip.read_text())
        usual = text.pop("usual_sharpness")
        clip.write_text(json.dumps(text | {"sharpness": 1e6}))
        report = project.import_images(clips / "eso.mp4", clips=ClipSettings(frames=5.0))
        assert report.passed_over == {"black": 4, "blurred": 4}
        assert json.loads(clip.read_text())["usual_sharpness"] == usual


@pytest.mark.parametrize("text", [False, True])
def test_blurred_frames_are_told_whatever_stands_on_them(text):
    """A clip of views with much and with little to see; text fills some of its tiles."""
    rng = np.random.default_rng(0)

    def frame(view: int, blur: float) -> Image.Image:
        grain = np.random.default_rng(view).normal(size=(192, 256))
        fine, large = (ndimage.gaussian_filter(grain, s) * s for s in (0.8, 5.0))
        grey = 120 + (40 if view % 2 else 20) * fine + 90 * large
        grey = ndimage.gaussian_filter(grey, blur) + rng.normal(0, 2, grey.shape)
        if text:
            grey[8:16, 10:120:4] = 255
        return Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8)).convert("RGB")

    usual = usual_sharpness(frame(view, 3.0 if view % 6 == 0 else 0.0) for view in range(24))
    assert not any(why_poor(frame(view, 0.0), usual) for view in range(30, 42))
    assert all(why_poor(frame(view, 2.0), usual) == "blurred" for view in range(30, 42))


def test_a_bad_clip_stops_no_other(clips, home):
    with Project.create("p", home=home) as project:
        report = project.import_images(clips)
        assert report.added == 6
        assert report.refused == [
            (
                "broken.mp4",
                "The video is cut short: the table of its frames, at its end, is missing.",
            )
        ]


def test_nothing_sees_below_a_box(clips, home):
    """Id, thumbnail, embedding and large view are of the blackened picture."""
    with Project.create("p", home=home) as project:
        settings = ClipSettings(frames=2.0, boxes=(("numbers.avi", NAME),))
        project.import_images(clips / "numbers.avi", clips=settings)
        row = project.store.images()[1]
        original = read_rgb(clips / "numbers.avi", row.frame)
        inside = (0, 44, 160, 58)
        assert np.asarray(original.crop(inside)).mean() > 20
        for picture in (
            project.picture(row.id),
            read_rgb(*project.file_of(row.id)),
            read_rgb(project.items()[1].file, project.items()[1].frame),
        ):
            assert not np.asarray(picture.crop(inside)).any()
            assert pixel_id(picture) == row.id
        project.thumbnail_path(row.id).unlink()
        import io

        small = Image.open(io.BytesIO(project.thumbnail(row.id))).convert("RGB")
        assert np.asarray(small.crop((4, 48, 156, 54))).max() < 16

        other = ClipSettings(frames=2.0, boxes=(("*", Box(0, 0, 10, 10)),))
        report = project.import_images(clips / "numbers.avi", clips=other)
        assert "with other boxes" in report.refused[0][1]
        report = project.import_images(clips / "numbers.avi", clips=ClipSettings(frames=5.0))
        assert report.added == 8, "a clip keeps its boxes where none are named"
        last = project.store.images()[-1]
        assert not np.asarray(project.picture(last.id).crop(inside)).any()


def test_a_box_beside_the_picture_imports_nothing(clips, home):
    with Project.create("p", home=home) as project:
        settings = ClipSettings(boxes=(("*", Box(400, 0, 10, 10)),))
        report = project.import_images(clips / "numbers.avi", clips=settings)
        assert (report.added, len(report.refused)) == (0, 1)
        assert "outside the frames, which are 160 × 120 px" in report.refused[0][1]


def test_text_burnt_in_is_told_with_its_place_until_a_box_covers_it(clips):
    plan = plan_clip("eso.mp4", clips / "eso.mp4", ClipSettings())
    assert plan.taken == 4
    assert len(plan.marks) == 1
    mark = plan.marks[0]
    assert mark.x <= 4 and mark.x + mark.width >= 60
    assert mark.y <= 228 and mark.y + mark.height >= 232
    covered = ClipSettings(boxes=(("*", mark),))
    assert plan_clip("eso.mp4", clips / "eso.mp4", covered).marks == ()


def test_frames_where_the_picture_changes(clips, home):
    frames = [c.frame for c in scan(clips / "eso.mp4", clips=ClipSettings("changes"))]
    assert frames[0] == 0
    assert all(13 <= b - a <= 25 for a, b in pairwise(frames))
    most = ClipSettings("all", most=7)
    assert len(list(scan(clips / "eso.mp4", clips=most))) == 7


def test_a_video_that_moved_is_followed_with_its_boxes(write_video, home, tmp_path):
    (tmp_path / "old").mkdir()
    video = write_video(tmp_path / "old" / "v.avi", 30, codec="mpeg4")
    with Project.create("p", home=home) as project:
        project.import_images(video, clips=ClipSettings(boxes=(("*", NAME),)))
        image = project.store.ids()[0]
        (tmp_path / "old").rename(tmp_path / "new")
        relink(project, str(tmp_path / "old"), tmp_path / "new")
        assert pixel_id(project.picture(image)) == image


def test_copies_outlive_their_video(write_video, home, tmp_path):
    video = write_video(tmp_path / "v.avi", 30, codec="mpeg4")
    with Project.create("p", home=home) as project:
        project.import_images(video, copy=True, clips=ClipSettings(boxes=(("*", NAME),)))
        video.unlink()
        image = project.store.ids()[0]
        assert pixel_id(project.picture(image)) == image


def test_a_description_of_a_clip_is_not_taken_for_one(write_video, home, tmp_path):
    """Else whoever may drop a file could read any video of the machine."""
    secret = write_video(tmp_path / "secret.avi", 3, codec="mpeg4")
    given = tmp_path / "given"
    given.mkdir()
    text = f'{{"video": "{secret}", "boxes": [], "sharpness": 0}}'
    for name in ("a.clip", "b.png", "c"):
        (given / name).write_text(text)
    (given / "t.csv").write_text("path\na.clip#1\nb.png\n")
    with Project.create("p", home=home) as project:
        for source in (given, given / "a.clip", given / "t.csv"):
            report = project.import_images(source)
            assert report.refused and not report.added


def test_an_animated_gif_is_a_clip(home, tmp_path):
    pictures = [Image.fromarray(np.kron(noise(k), np.ones((4, 4, 1), np.uint8))) for k in range(9)]
    pictures[0].save(tmp_path / "a.gif", save_all=True, append_images=pictures[1:], duration=500)
    with Project.create("p", home=home) as project:
        project.import_images(
            tmp_path / "a.gif", clips=ClipSettings(boxes=(("*", Box(0, 0, 9, 9)),))
        )
        rows = project.store.images()
        assert [row.path for row in rows] == [f"a.gif#{k}" for k in (0, 2, 4, 6, 8)]
        assert {row.group for row in rows} == {"a.gif"}
        picture = np.asarray(project.picture(rows[2].id)).astype(int)
        assert not picture[:9, :9].any()
        assert np.abs(picture - np.asarray(pictures[4]))[9:].mean() < 12, "256 colours a frame"


@pytest.mark.slow
def test_an_import_that_is_killed_goes_on(write_video, home, tmp_path):
    video = write_video(tmp_path / "v.mp4", 250, size=(640, 480), options={"preset": "ultrafast"})
    with Project.create("p", home=home):
        pass
    verb = ["-m", "fewshot_lab", "import", "p", str(video), "--frames", "all", "--keep-poor"]
    work = subprocess.Popen(
        [sys.executable, *verb],
        env={**os.environ, "FEWSHOT_LAB_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with Project.open("p", home=home) as project:
        until = time.monotonic() + 60
        while not project.store.ids() and work.poll() is None and time.monotonic() < until:
            time.sleep(0.05)
        work.send_signal(signal.SIGKILL)
        work.wait()
        before = len(project.store.ids())
        report = project.import_images(video, clips=ClipSettings("all", keep_poor=True))
        assert before > 0
        assert (report.known, report.added) == (before, 250 - before)
        assert len(project.store.ids()) == 250


def test_frames_of_one_video_stay_together_and_are_told_once():
    """However alike they are they are no pairs, and they do not set the threshold of the rest."""
    ids = [f"a{k}" for k in range(30)] + ["b0", "b1", "x"]
    video_of = {i: "a.clip" if i[0] == "a" else "b.clip" for i in ids if i != "x"}
    pairs = np.array([(a, b) for a in range(30) for b in range(a)] + [(3, 32), (30, 31)])
    near = Near(
        ids,
        np.full(33, 0.999, np.float32),
        pairs,
        np.full(len(pairs), 0.995, np.float32),
        np.zeros(len(pairs), bool),
    )
    nobody = (np.zeros(33, bool), "")
    joined = group(ids, [None] * 33, near, None, set(), nobody, video_of)
    assert [(pair.a, pair.b) for pair in joined.pairs] == [("a3", "x")]
    assert joined.video_frames == {"a.clip": 30, "b.clip": 2}
    codes = joined.codes(joined.rows(ids))
    assert len(set(codes[:30])) == 1 and codes[30] == codes[31] != codes[0]
    apart = group(ids, [None] * 33, NOTHING, None, set(), nobody, video_of)
    assert len(set(apart.codes(apart.rows(ids[:30])))) == 1


def test_a_cine_loop_is_a_clip_and_slices_are_none(home, tmp_path):
    """Multi-frame ultrasound: a frame time makes frames of it (PS3.3 C.7.6.5)."""
    frames = np.stack([np.kron(noise(k)[..., 0], np.ones((4, 4), np.uint8)) for k in range(40)])
    for name, pause in (("cine.dcm", 100), ("stack.dcm", None)):
        data = Dataset()
        data.file_meta = FileMetaDataset()
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data.SOPClassUID = UltrasoundMultiFrameImageStorage
        data.SOPInstanceUID = generate_uid()
        data.PatientID = "MUELLER"
        data.Rows, data.Columns = frames.shape[1:]
        data.NumberOfFrames = len(frames)
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 8, 8, 7, 0
        data.PixelData = frames.tobytes()
        if pause:
            data.FrameTime = pause
        data.save_as(tmp_path / name, enforce_file_format=True)
    with Project.create("p", home=home) as project:
        settings = ClipSettings(frames=2.0, boxes=(("*", Box(0, 0, 80, 12)),))
        project.import_images(tmp_path / "cine.dcm", group_field="PatientID", clips=settings)
        rows = project.store.images()
        assert [row.frame for row in rows] == [0, 5, 10, 15, 20, 25, 30, 35]
        assert {row.group for row in rows} == {rows[0].group}
        assert "MUELLER" not in str(rows)
        picture = np.asarray(project.picture(rows[3].id))[..., 0]
        assert (picture[12:] == frames[15][12:]).all() and not picture[:12].any()
        assert project.import_images(tmp_path / "stack.dcm").added == 40


def test_the_large_view_steps_through_frames_that_were_not_imported(write_video, home, tmp_path):
    video = write_video(tmp_path / "v.avi", 30, codec="mpeg4")
    with Project.create("p", home=home) as project:
        project.import_images(video, clips=ClipSettings(frames=5.0, boxes=(("*", NAME),)))
        images = project.store.ids()
        sequence = sequence_of(project, images[2])
        assert (sequence.kind, sequence.unit, len(sequence.places)) == ("frame", "s", 30)
        assert [p.image_id for p in sequence.places if p.image_id] == images
        assert sequence.places[10].position == pytest.approx(0.4)
        assert sequence.number_of(images[2]) == 10
        between = slice_picture(project, sequence, 7, 2000)
        assert not np.asarray(between.crop((0, 44, 160, 58))).any(), "boxes hold there, too"
        video.unlink()
        assert sequence_of(project, images[0]).at_hand() == list(range(len(images)))


def test_a_line_of_text_is_covered_where_it_runs_over_the_picture():
    frames = []
    for k in range(12):
        picture = np.zeros((240, 320, 3), np.uint8)
        picture[:, 90:] = np.random.default_rng(k).integers(40, 120, (240, 230, 1))
        for x in range(10, 170, 8):
            picture[12:24, x : x + 4] = 255
        frames.append(Image.fromarray(picture))
    [mark] = burnt_in(frames)
    assert mark.x <= 10 and mark.x + mark.width >= 166
    assert mark.y <= 12 and mark.y + mark.height >= 24
    assert mark.height < 60
