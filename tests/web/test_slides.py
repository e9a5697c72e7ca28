"""The routes of the slide view: pieces are the slide's pixels, and nothing is told but places."""

import shutil
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from fewshot_lab.live import forget
from fewshot_lab.project import Project, slides_of, tiles_of
from fewshot_lab.web import api_url, routes, unpack

tiffslide = pytest.importorskip("tiffslide")


@pytest.fixture
def project(slide_template: Path, home: Path) -> Iterator[Project]:
    shutil.copytree(slide_template, home / "slides")
    yield Project.open("slides")
    forget("slides")


@pytest.fixture
def get(project: Project):
    client = TestClient(Starlette(routes=routes()))
    return lambda path: client.get(f"{api_url('slides')}/{path}")


def test_slides_are_named_without_their_folders_and_tiles_lie_where_they_were_cut(
    project, get
) -> None:
    listed = get("slides").json()["slides"]
    assert [row["name"] for row in listed] == ["a.svs (1)", "a.svs (2)", "long name.svs"]
    for row, slide in zip(listed, slides_of(project), strict=True):
        answer = get(f"slide/{row['key']}/tiles")
        head, arrays = unpack(answer.content)
        assert head["n"] == row["tiles"] == 16
        ids = arrays["ids"].tobytes().hex()
        boxes = arrays["boxes"].reshape(-1, 4).tolist()
        assert {(ids[20 * k : 20 * k + 20], *box) for k, box in enumerate(boxes)} == {
            (t.image_id, t.x, t.y, t.width, t.height) for t in tiles_of(project, slide)
        }
        assert b"ill" not in answer.content and b"healthy" not in answer.content
        image = ids[:20]
        assert get(f"image/{image}/slides").json() == {"places": [{"slide": row["key"]}]}
        assert get(f"image/{image}").json()["on_slide"] is True


def test_pieces_are_what_an_independent_reader_sees(project, get) -> None:
    slide = slides_of(project)[2]
    key = get("slides").json()["slides"][2]["key"]
    with tiffslide.TiffSlide(slide.file) as other:
        for level, column, row in [(0, 0, 0), (0, 1, 1), (1, 0, 0)]:
            answer = get(f"slide/{key}/piece/{level}/{column}_{row}")
            assert answer.headers["content-type"] == "image/jpeg"
            with Image.open(BytesIO(answer.content)) as image:
                assert image.size == (256, 256)
                piece = np.asarray(image.convert("L"), float)
            side = 256 << level
            region = other.read_region((column * side, row * side), 0, (side, side))
            wanted = np.asarray(region.convert("L").reduce(1 << level), float)
            assert np.abs(piece - wanted).mean() < 6


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("slide/nothing/tiles", "There is no such slide"),
        ("slide/{key}/piece/0/9_0", "The slide has no such piece"),
        ("slide/{key}/piece/99/0_0", "The slide has no such piece"),
        ("slide/{key}/piece/0/a_0", "The slide has no such piece"),
        ("slide/{key}/piece/-1/0_0", "The slide has no such piece"),
    ],
)
def test_what_is_not_there_is_a_sentence(get, path, sentence) -> None:
    key = get("slides").json()["slides"][0]["key"]
    answer = get(path.format(key=key))
    assert answer.status_code == 400
    assert sentence in answer.text


def test_a_slide_that_was_moved_away_is_told_and_its_tiles_are_still_listed(
    project, get, tmp_path
) -> None:
    (row, *_) = get("slides").json()["slides"]
    file = slides_of(project)[0].file
    file.rename(away := tmp_path / "away.svs")
    try:
        answer = get(f"slide/{row['key']}/piece/0/0_0")
        assert (answer.status_code, answer.json()) == (400, {"error": "The slide is not there."})
        assert unpack(get(f"slide/{row['key']}/tiles").content)[0]["n"] == 16
    finally:
        away.rename(file)


def test_who_labels_blind_is_told_no_folder_of_a_slide(project, get) -> None:
    image = tiles_of(project, slides_of(project)[0])[0].image_id
    facts = get(f"image/{image}").json()
    assert facts["meta"]["slide"] == facts["group"] == "healthy/a.svs"
    assert facts["bytes"] is None, "the slide's size is not the tile's"
    assert unpack(get("column?name=slide").content)[0]["names"][0] == "healthy/a.svs"
    project.team.agree("lead", blind=1.0)
    told = get(f"image/{image}")
    assert told.json()["meta"]["slide"] == told.json()["group"] == "a.svs"
    for name in ("slide", "@group"):
        column = get(f"column?name={name}")
        assert unpack(column.content)[0]["names"] == ["a.svs (1)", "a.svs (2)", "long name.svs"]
        assert b"healthy" not in column.content + told.content
    # What is said of a tile that is labelled would tell of the others on its slide.
    project.store.add_class("other", annotator="kim")
    project.labels.add({image: "other"}, "kim")
    column = get("column?name=slide&annotator=kim")
    assert unpack(column.content)[0]["names"][0] == "a.svs (1)"
