"""Slides to QuPath and back: what goes out, what comes in, and what is refused."""

import csv
import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tifffile import TiffFile

from fewshot_lab.cli.main import run
from fewshot_lab.errors import FewshotLabError, Stopped
from fewshot_lab.exchange import label_by_outlines, preview_outlines, write_slides
from fewshot_lab.project import PredictedImages, Project, slide_report, slides_of, tiles_of

pytest.importorskip("shapely")
SLIDE = "ill/long name.svs"


@pytest.fixture
def project(slide_template: Path, home: Path) -> Iterator[Project]:
    shutil.copytree(slide_template, home / "slides")
    with Project.open("slides") as opened:
        yield opened


def rectangle(x0: float, y0: float, x1: float, y1: float) -> dict[str, Any]:
    ring = [[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]]
    return {"type": "Polygon", "coordinates": [ring]}


def drawn(file: Path, *areas: tuple[str, dict[str, Any]]) -> Path:
    """Write areas as QuPath 0.5 does."""
    features = [
        {
            "type": "Feature",
            "id": f"5a0e1c9e-0000-4000-8000-00000000000{k}",
            "geometry": geometry,
            "properties": {
                "objectType": "annotation",
                "classification": {"name": name, "color": [200, 0, 0]},
            },
        }
        for k, (name, geometry) in enumerate(areas)
    ]
    file.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return file


@pytest.fixture
def labelled(project: Project) -> Project:
    """Two rows of tiles of each slide, by the half they lie in; one is left to people."""
    for slide in slides_of(project):
        tiles = [tile for tile in tiles_of(project, slide) if tile.y < 256]
        labels = {tile.image_id: "fine" if tile.x < 256 else "coarse" for tile in tiles}
        project.labels.add(labels, "kim")
    return project


def test_outlines_label_the_tiles_they_cover_and_one_undo_takes_all_back(project, tmp_path) -> None:
    file = drawn(
        tmp_path / "long name - annotations.geojson",
        ("Fine", rectangle(0, 0, 256, 512)),
        ("Coarse", rectangle(256, 0, 256 + 128 + 63, 128)),
        ("Line", {"type": "LineString", "coordinates": [[0, 0], [9, 9]]}),
    )
    preview = preview_outlines(project, file, "kim")
    assert (preview.slide.name, preview.tiles, preview.labels.new_classes) == (
        SLIDE,
        16,
        ["Fine", "Coarse"],
    )
    assert preview.labels.counts == {"Fine": 8, "Coarse": 1}
    assert "Left out: 1 line" in preview.sentence
    assert project.store.labels() == {} and project.store.classes() == []

    label_by_outlines(project, preview, "kim")
    names = {row.id: row.name for row in project.store.classes()}
    labels = project.store.labels()
    for tile in tiles_of(project, preview.slide):
        given = labels.get(tile.image_id)
        if tile.x < 256:
            assert given is not None and names[given.class_id] == "Fine"
        else:
            assert (given is not None) == ((tile.x, tile.y) == (256, 0))
    assert preview_outlines(project, file, "kim", least=0.4).labels.counts["Coarse"] == 2
    project.store.undo("kim", client=None, q=None)
    assert project.store.labels() == {}


def test_what_is_of_another_slide_or_of_none_is_refused_and_nothing_is_stored(
    project, tmp_path
) -> None:
    area = ("x", rectangle(0, 0, 200, 200))
    beyond = ("x", rectangle(0, 0, 5000, 200))
    refusals = [
        (drawn(tmp_path / "export.geojson", area), None, "does not say which slide"),
        (drawn(tmp_path / "a.geojson", area), None, "does not say which slide"),
        (drawn(tmp_path / "b.geojson", area), "c.svs", "no one slide 'c.svs'"),
        (drawn(tmp_path / "long name.geojson", beyond), None, "of another slide"),
    ]
    for file, slide, sentence in refusals:
        with pytest.raises(FewshotLabError, match=sentence):
            preview_outlines(project, file, "kim", slide=slide)
    assert preview_outlines(project, tmp_path / "a.geojson", "kim", slide="ill/a.svs").rows
    assert project.store.position() == 0


def test_shares_and_answers_are_those_of_the_tiles(labelled: Project) -> None:
    report = slide_report(labelled, PredictedImages.by(labelled.fit()))
    assert [each.slide.name for each in report.slides] == ["healthy/a.svs", "ill/a.svs", SLIDE]
    for each in report.slides:
        assert (each.tiles, each.labelled) == (16, 8)
        share = each.shares["fine"]
        assert share.low <= 0.5 <= share.high and share.value == pytest.approx(0.5, abs=0.1)
        assert sum(each.scores.values()) == pytest.approx(1)
    assert (report.seen_tiles, report.seen_slides) == (24, 3)
    assert "24 labelled tiles left out in turn, on 3 slides" in report.caution
    assert "not measured" in report.rule_sentence


def test_unusable_tiles_are_no_part_of_the_shares(labelled: Project) -> None:
    tiles = tiles_of(labelled, slides_of(labelled)[0])
    labelled.labels.add({t.image_id: "reject" for t in tiles if t.x >= 256}, "kim")
    first = slide_report(labelled, PredictedImages.by(labelled.fit())).slides[0]
    assert first.tiles == 16 and first.shares["fine"].n == 8
    assert first.answer == "fine"


def test_all_that_goes_out_says_the_same_and_audit_predictions_stay(labelled, tmp_path) -> None:
    free = [i for i in labelled.store.ids() if i not in labelled.store.labels()]
    audit = set(free[:3])
    labelled.store.draw_audit(sorted(audit), 48)
    done = write_slides(labelled, tmp_path / "out")
    names = {file.name for file in done.files}
    assert {"healthy_a.geojson", "ill_a.geojson", "long name.geojson", "long name.ome.tif"} < names
    assert done.tiles == 48 and done.withheld == len(audit)
    with (tmp_path / "out" / "tiles.csv").open(encoding="utf-8-sig") as stream:
        rows = {row["image"]: row for row in csv.DictReader(stream)}
    log = str(labelled.store.log_head())
    assert len(rows) == 48 and {row["log"] for row in rows.values()} == {log}
    collections = [
        json.loads(file.read_text("utf-8")) for file in done.files if file.suffix == ".geojson"
    ]
    assert {collection["log"] for collection in collections} == {log}
    features = [feature for collection in collections for feature in collection["features"]]
    with TiffFile(tmp_path / "out" / "long name.ome.tif") as heat_map:
        assert log in heat_map.ome_metadata
    for feature in features:
        properties = feature["properties"]
        row = rows[properties["metadata"]["Image"]]
        if row["image"] in audit:
            assert row["predicted"] == row["probability"] == "" and "measurements" not in properties
            continue
        assert properties["classification"]["name"] == row["predicted"]
        assert properties["measurements"]["Probability"] == float(row["probability"])
        assert feature["geometry"]["coordinates"][0][0] == [int(row["x"]), int(row["y"])]
        assert properties["metadata"].get("Label", "") == row["label"]
    with (tmp_path / "out" / "slides.csv").open(encoding="utf-8-sig") as stream:
        assert [(row["slide"], row["log"]) for row in csv.DictReader(stream)] == [
            (name, log) for name in ("healthy/a.svs", "ill/a.svs", SLIDE)
        ]
    with pytest.raises(FewshotLabError, match="no area with a class"):
        preview_outlines(labelled, tmp_path / "out" / "long name.geojson", "kim")


def test_without_a_classifier_tiles_go_out_with_their_labels(project, tmp_path) -> None:
    slide = slides_of(project)[2]
    first = tiles_of(project, slide)[0]
    project.labels.add({first.image_id: "fine"}, "kim")
    done = write_slides(project, tmp_path / "out", ["geojson"], names=[SLIDE])
    (written,) = done.files
    features = json.loads(written.read_text("utf-8"))["features"]
    classes = [f["properties"].get("classification", {}).get("name") for f in features]
    assert classes == ["fine"] + [None] * 15
    assert done.note.startswith("No predictions")
    with pytest.raises(FewshotLabError):
        write_slides(project, tmp_path / "out", ["heat-map"])
    with pytest.raises(FewshotLabError, match="no slide 'x'"):
        write_slides(project, tmp_path / "out", names=["x"])


def test_a_zip_holds_what_a_folder_would_and_is_replaced_when_whole(project, tmp_path) -> None:
    file = tmp_path / "zips" / "slides.zip"
    kinds = ["geojson", "csv"]
    assert write_slides(project, file, kinds).files == [file]
    written = write_slides(project, tmp_path / "folder", kinds).files
    with zipfile.ZipFile(file) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            each.name: each.read_bytes() for each in written
        }
    before = file.read_bytes()

    def stop(stage: str, done: int, total: int | None) -> None:
        if done == 2:
            raise Stopped("")

    with pytest.raises(Stopped):
        write_slides(project, file, kinds, progress=stop)
    assert file.read_bytes() == before and list(file.parent.iterdir()) == [file]


def test_verbs_at_the_terminal(labelled, tmp_path, capsys) -> None:
    file = drawn(tmp_path / "a.geojson", ("Fine", rectangle(0, 0, 256, 512)))
    assert run(["slides", "in", "slides", str(file), "--annotator", "kim"]) == 1
    assert "choose one of: healthy/a.svs, ill/a.svs" in capsys.readouterr().err
    asked = ["slides", "in", "slides", str(file), "--annotator", "kim", "--slide", "ill/a.svs"]
    assert run([*asked, "--dry-run", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["labelled"], told["counts"], told["new_classes"]) == (0, {"fine": 8}, [])
    assert run(asked) == 0
    assert "8 of 16 tiles" in capsys.readouterr().out
    assert run(["slides", "show", "slides", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert np.isclose(sum(share["value"] for share in told["slides"][0]["shares"].values()), 1)
    out = ["slides", "out", "slides", str(tmp_path / "o"), "--as", "csv", "--slide", SLIDE]
    assert run([*out, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["files"]) == 2
