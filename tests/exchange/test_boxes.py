"""Boxes drawn in other tools become images: parts of their image, in its group, not copied."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fewshot_lab.cli.main import run
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.exchange import take_in
from fewshot_lab.images import read_rgb
from fewshot_lab.project import Project
from fewshot_lab.project.relinking import relink

WIDTH, HEIGHT = 40, 20
BOXES = {(4, 2, 10, 6): "polyp", (20, 10, 20, 10): "stool"}  # the second reaches the corner


def _coco(file: Path) -> None:
    boxes = [*BOXES, (-5, -5, 9, 7)]  # the last one is cut at the picture's edge
    labels = [1, 2, 1]
    content = {
        "images": [{"id": 7, "file_name": "a.png", "width": WIDTH, "height": HEIGHT}],
        "categories": [{"id": 1, "name": "polyp"}, {"id": 2, "name": "stool"}],
        "annotations": [
            {"id": n, "image_id": 7, "category_id": label, "bbox": box, "segmentation": [[0, 0]]}
            for n, (box, label) in enumerate(zip(boxes, labels, strict=True))
        ]
        + [{"id": 8, "image_id": 7, "category_id": 1, "bbox": [90, 2, 5, 5]}],
    }
    file.write_text(json.dumps(content))


def _cvat(file: Path) -> None:
    drawn = "".join(
        f'<box label="{label}" xtl="{x}" ytl="{y}" xbr="{x + w}" ybr="{y + h}" rotation="0.00"/>'
        for (x, y, w, h), label in BOXES.items()
    )
    turned = '<box label="polyp" xtl="1" ytl="1" xbr="9" ybr="9" rotation="30.0"/>'
    file.write_text(f'<annotations><image name="a.png">{drawn}{turned}</image></annotations>')


def _label_studio(file: Path) -> None:
    results = [
        {
            "type": "rectanglelabels",
            "value": {
                "x": 100 * x / WIDTH,
                "y": 100 * y / HEIGHT,
                "width": 100 * w / WIDTH,
                "height": 100 * h / HEIGHT,
                "rotation": 0,
                "rectanglelabels": [label],
            },
        }
        for (x, y, w, h), label in BOXES.items()
    ]
    task = {
        "data": {"image": "/data/upload/1/0a1b2c3d-a.png"},
        "annotations": [{"result": results}],
    }
    file.write_text(json.dumps([task]))


def _fiftyone(file: Path) -> None:
    detections = [
        {"label": label, "bounding_box": [x / WIDTH, y / HEIGHT, w / WIDTH, h / HEIGHT]}
        for (x, y, w, h), label in BOXES.items()
    ]
    guess = {"label": "polyp", "bounding_box": [0, 0, 1, 1], "confidence": 0.7}
    value = {"_cls": "Detections", "detections": [*detections, guess]}
    file.write_text(json.dumps({"samples": [{"filepath": "/d/a.png", "boxes": value}]}))


@pytest.fixture
def colon(home: Path, tmp_path: Path) -> Iterator[Project]:
    """Return a project of one picture whose pixels all differ."""
    pixels = np.arange(WIDTH * HEIGHT * 3, dtype=np.uint32).reshape(HEIGHT, WIDTH, 3) * 7 % 251
    (tmp_path / "images").mkdir()
    Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "images" / "a.png")
    with Project.create("colon", home=home) as project:
        project.import_images(tmp_path / "images")
        yield project


@pytest.mark.parametrize(
    ("kind", "write", "boxes", "left_out"),
    [
        ("coco", _coco, 3, 1),
        ("cvat", _cvat, 2, 1),
        ("label-studio", _label_studio, 2, 0),
        ("fiftyone", _fiftyone, 2, 0),
    ],
)
def test_a_box_is_the_same_part_of_its_image_whatever_tool_it_comes_from(
    colon, tmp_path, kind, write, boxes, left_out
) -> None:
    file = tmp_path / "boxes.json"
    write(file)
    whole = read_rgb(tmp_path / "images" / "a.png")
    with pytest.raises(FewshotLabError, match="no label of a whole image, only boxes"):
        take_in(colon, file, kind, "kim")
    done = take_in(colon, file, kind, "kim", boxes=True)
    assert (done.boxes, done.labelled, done.other, done.unmatched) == (boxes, boxes, left_out, [])
    said = {row["path"]: row["label"] for row in colon.store.export_opinions()}
    for (x, y, w, h), label in BOXES.items():
        path = f"a.png#xywh={x},{y},{w},{h}"
        assert said[path] == label
        (image_id,) = colon.store.find_many([path]).values()
        row = colon.store.image(image_id)
        assert (row.width, row.height, row.group) == (w, h, "a.png")
        assert colon.picture(image_id).tobytes() == whole.crop((x, y, x + w, y + h)).tobytes()
    if kind == "coco":
        assert said["a.png#xywh=0,0,4,2"] == "polyp"
    # Again, nothing is new and nothing is there twice.
    before = colon.store.ids()
    take_in(colon, file, kind, "kim", boxes=True)
    assert colon.store.ids() == before
    assert not [*(colon.folder / "images").rglob("*.png")]


def test_boxes_are_read_from_where_their_image_has_moved_to(colon, tmp_path) -> None:
    _coco(tmp_path / "coco.json")
    take_in(colon, tmp_path / "coco.json", "coco", "kim", boxes=True)
    (tmp_path / "images").rename(tmp_path / "archive")
    assert relink(colon, str(tmp_path / "images"), tmp_path / "archive").missing == []
    ids = colon.store.ids()
    assert len(ids) == 4 and all(colon.picture(image_id) for image_id in ids)


def test_kept_as_files_they_outlive_their_image(colon, tmp_path, capsys) -> None:
    _coco(tmp_path / "coco.json")
    verb = ["exchange", "in", "colon", str(tmp_path / "coco.json"), "--as", "coco"]
    assert run([*verb, "--annotator", "kim", "--boxes", "--copy"]) == 0
    assert "3 boxes cut out of their images" in capsys.readouterr().out
    (tmp_path / "images" / "a.png").unlink()
    boxes = [row.id for row in colon.store.images() if "#" in row.path]
    assert len(boxes) == 3 and all(colon.picture(image_id) for image_id in boxes)


def test_a_box_with_two_labels_stores_nothing(colon, tmp_path) -> None:
    _coco(tmp_path / "coco.json")
    content = json.loads((tmp_path / "coco.json").read_text())
    content["annotations"][1]["bbox"] = content["annotations"][0]["bbox"]
    (tmp_path / "coco.json").write_text(json.dumps(content))
    with pytest.raises(FewshotLabError, match=r"one box of a\.png two labels: stool and polyp"):
        take_in(colon, tmp_path / "coco.json", "coco", "kim", boxes=True)
    assert len(colon.store.ids()) == 1 and colon.store.classes() == []


def test_as_a_job_they_can_be_stopped_go_on_and_leave_no_drop(colon, tmp_path, monkeypatch) -> None:
    dropped = colon.folder / "uploads" / "now" / "coco.json"
    dropped.parent.mkdir(parents=True)
    _coco(dropped)
    verb = ["exchange-in", "colon", str(dropped), "--as", "coco", "--annotator", "kim", "--boxes"]
    jobs = [tmp_path / "stopped", tmp_path / "whole", tmp_path / "embedding"]
    for job in jobs:
        job.mkdir()
        (job / "spec.json").write_text('{"verb": "exchange-in", "project": "colon", "args": []}')
    (jobs[0] / "stop").touch()
    assert run([*verb, "--job", str(jobs[0])]) != 0
    assert json.loads((jobs[0] / "status.json").read_text())["state"] == "stopped"
    assert dropped.exists() and not colon.store.labels()

    def stopped(*_: object, **__: object) -> None:
        raise FewshotLabError("Stopped while it embeds.")

    with monkeypatch.context() as patched:
        patched.setattr("fewshot_lab.cli.exchange.prepare_project", stopped)
        assert run([*verb, "--apart", " (COCO)", "--prepare", "--job", str(jobs[2])]) != 0
    assert dropped.exists() and len(colon.store.labels()) == 3
    assert run([*verb, "--apart", " (COCO)", "--job", str(jobs[1])]) == 0
    assert "3 boxes cut out" in json.loads((jobs[1] / "report.json").read_text())["sentence"]
    assert len(colon.store.labels()) == 3 and not dropped.parent.exists()
