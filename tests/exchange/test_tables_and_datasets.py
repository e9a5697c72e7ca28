"""FiftyOne's folders, AnnData and Parquet: what they carry beside labels, and others' files."""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from fewshot_lab.cli.exchange import Kind
from fewshot_lab.cli.main import run
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.exchange import FORMATS, take_in, write_out
from fewshot_lab.export import predicted_classes
from fewshot_lab.project import Project, TrainedClassifier


@pytest.fixture(scope="module")
def fitted(
    template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Project, TrainedClassifier]]:
    """Return 64 labelled cells with an audit set and an image without an embedding."""
    base = tmp_path_factory.mktemp("exchange")
    shutil.copytree(template, base / "cells")
    with Project.open("cells", home=base) as project:
        Image.fromarray(np.full((9, 7, 3), 90, np.uint8)).save(base / "late.png")
        project.import_images(base / "late.png")
        rows = [row for row in project.store.images() if row.reference]
        project.labels.add({row.id: row.reference for row in rows[:40]}, "kim")
        project.store.draw_audit([row.id for row in rows[40:44]], 64, "random")
        yield project, project.fit()


def test_every_format_has_its_name_at_the_terminal() -> None:
    assert [kind.value for kind in Kind] == list(FORMATS)


def test_fiftyone_gets_predictions_but_none_of_the_audit(fitted, tmp_path) -> None:
    project, classifier = fitted
    done = write_out(project, tmp_path / "cells", "fiftyone", classifier=classifier)
    assert (done.images, done.labels, done.predictions) == (65, 40, 60)
    metadata = json.loads((tmp_path / "cells" / "metadata.json").read_bytes())
    # With a version FiftyOne would take it for its own database's document.
    assert "version" not in metadata and metadata["info"]["log"] == str(project.store.log_head())
    samples = json.loads((tmp_path / "cells" / "samples.json").read_bytes())["samples"]
    predicted = predicted_classes(project, classifier)
    audit = project.store.audit_ids()
    for row, sample in zip(project.store.images(), samples, strict=True):
        assert Path(sample["filepath"]).is_file() and sample["path"] == row.path
        if row.id in audit or row.id not in predicted:
            assert sample["predictions"] is None
        else:
            label, probability = predicted[row.id]
            assert sample["predictions"]["label"] == label
            assert sample["predictions"]["confidence"] == pytest.approx(probability, abs=1e-6)


def test_parquet_carries_embeddings_and_the_probability_of_each_class(fitted, tmp_path) -> None:
    project, classifier = fitted
    write_out(project, tmp_path / "cells.parquet", "parquet", classifier=classifier)
    table = pq.read_table(tmp_path / "cells.parquet")
    embeddings = project.require_embeddings()
    ids = [i for i in table["image"].to_pylist() if embeddings.contains(i)]
    assert table["embedding"].null_count == 1 and len(ids) == 64
    there = np.vstack([row for row in table["embedding"].to_numpy() if row is not None])
    assert np.array_equal(there, embeddings.matrix(ids).astype(np.float32))
    names = [each for each in table.column_names if each.startswith("probability ")]
    written = np.column_stack([table[name].drop_null().to_numpy() for name in names])
    assert np.allclose(written, classifier.probabilities(ids), atol=1e-6)
    assert [*map("probability {}".format, sorted(n.name for n in project.store.classes()))] == names
    assert table["split"].to_pylist().count("audit") == 4
    about = json.loads(table.schema.metadata[b"fewshot_lab"])
    assert about["log"] == str(project.store.log_head())


def test_anndata_carries_the_same_in_its_documented_layout(fitted, tmp_path) -> None:
    project, classifier = fitted
    write_out(project, tmp_path / "cells.h5ad", "anndata", classifier=classifier)
    embeddings = project.require_embeddings()
    with h5py.File(tmp_path / "cells.h5ad") as root:
        kinds: dict[str, tuple[str, str]] = {}
        root.visititems(
            lambda name, item: kinds.update(
                {name: (item.attrs["encoding-type"], item.attrs["encoding-version"])}
            )
        )
        assert dict(root.attrs) == {"encoding-type": "anndata", "encoding-version": "0.1.0"}
        assert kinds["X"] == kinds["obsm/probabilities"] == ("array", "0.2.0")
        assert kinds["obs"] == kinds["var"] == kinds["uns/opinions"] == ("dataframe", "0.2.0")
        assert kinds["obs/label"] == ("categorical", "0.2.0")
        assert kinds["obsm"] == kinds["varp"] == kinds["layers"] == ("dict", "0.1.0")
        assert kinds["uns/log"] == ("string", "0.2.0")
        ids = root["obs/_index"].asstr()[:].tolist()
        there = root["obs/embedded"][:]
        assert ids == [row.id for row in project.store.images()] and there.sum() == 64
        assert np.isnan(root["X"][:][~there]).all()
        known = [i for i, yes in zip(ids, there, strict=True) if yes]
        assert np.array_equal(root["X"][:][there], embeddings.matrix(known).astype(np.float32))
        probabilities = root["obsm/probabilities"][:][there]
        assert np.allclose(probabilities, classifier.probabilities(known), atol=1e-6)
        labels = project.store.labels()
        assert [code >= 0 for code in root["obs/label/codes"][:]] == [i in labels for i in ids]
        assert len(root["var/_index"]) == root["X"].shape[1]


def _opinions(project: Project) -> set[tuple[str, str, str]]:
    rows = project.store.export_opinions()
    return {(row["path"], row["annotator"], row["label"]) for row in rows}


@pytest.fixture
def colon(home: Path, tmp_path: Path) -> Iterator[Project]:
    """Return a project of two pictures."""
    for number in range(2):
        (tmp_path / "images").mkdir(exist_ok=True)
        picture = Image.fromarray(np.full((6, 8, 3), 90 * number, np.uint8))
        picture.save(tmp_path / "images" / f"{number}.png")
    with Project.create("colon", home=home) as project:
        project.import_images(tmp_path / "images")
        yield project


def _fiftyone(folder: Path, *samples: dict[str, object]) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "samples.json").write_text(json.dumps({"samples": samples}))
    return folder


def _said(label: str, **further: object) -> dict[str, object]:
    return {"_cls": "Classification", "_id": {"$oid": "0" * 24}, "label": label, **further}


def _h5ad(file: Path, **columns: object) -> Path:
    """Write obs as AnnData does: texts, and categories where a column is a pair."""
    with h5py.File(file, "w") as root:
        obs = root.create_group("obs")
        obs.attrs.update({"_index": "names", "column-order": [*columns]})
        columns["names"] = ["images/0.png", "images/1.png"]
        for name, values in columns.items():
            if isinstance(values, tuple):
                item = obs.create_group(name)
                item.attrs["encoding-type"] = "categorical"
                item["codes"] = np.array(values[0], np.int8)
                item["categories"] = values[1]
                item["categories"].attrs["encoding-type"] = "string-array"
            else:
                obs[name] = values
                obs[name].attrs["encoding-type"] = "string-array"
    return file


def test_other_peoples_files_come_in_too(colon, tmp_path) -> None:
    box = {"_cls": "Detections", "detections": [{"label": "a"}]}
    folder = _fiftyone(
        tmp_path / "fo",
        {"filepath": "data/0.png", "quality": _said("polyp"), "boxes": box},
        {"filepath": "data/1.png", "quality": None, "model": _said("polyp", confidence=0.9)},
    )
    done = take_in(colon, folder, "fiftyone", "kim")
    assert (done.labelled, done.other, _opinions(colon)) == (1, 1, {("0.png", "kim", "polyp")})
    packed = shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path, "fo")
    assert FORMATS["fiftyone"].read(Path(packed)) == FORMATS["fiftyone"].read(folder)

    take_in(
        colon,
        _h5ad(tmp_path / "a.h5ad", leiden=([1, -1], ["x", "y"]), label=([1, -1], ["x", "y"])),
        "anndata",
        "zoe",
    )
    assert ("0.png", "zoe", "y") in _opinions(colon) and len(_opinions(colon)) == 2

    table = pa.table({"Filename": ["1.png", "0.png"], "Class": ["x", None]})
    pq.write_table(table, tmp_path / "a.parquet")
    take_in(colon, tmp_path / "a.parquet", "parquet", "lee")
    assert ("1.png", "lee", "x") in _opinions(colon) and len(_opinions(colon)) == 3


def test_a_file_that_cannot_be_taken_is_refused_in_a_sentence(colon, tmp_path) -> None:
    def refused(file: Path, kind: str, sentence: str) -> None:
        with pytest.raises(FewshotLabError, match=sentence):
            take_in(colon, file, kind, "kim")
        assert _opinions(colon) == set() and colon.store.classes() == []

    text = tmp_path / "text"
    text.write_text("no table")
    refused(text, "anndata", "not a complete HDF5 file")
    refused(text, "parquet", "not a complete Parquet file")
    refused(tmp_path / "gone", "anndata", "is not there")
    refused(tmp_path / "gone", "parquet", "cannot be read")
    refused(tmp_path, "fiftyone", "holds no samples.json")
    (tmp_path / "text.zip").write_text("no ZIP")
    refused(tmp_path / "text.zip", "fiftyone", "cannot be unpacked")
    refused(_fiftyone(tmp_path / "fo", {"a": 1}), "fiftyone", "no samples with a filepath")
    sample = {"filepath": "0.png", "a": _said("x"), "b": _said("y")}
    refused(_fiftyone(tmp_path / "fo", sample), "fiftyone", "several fields of .*: a, b")
    refused(_h5ad(tmp_path / "a.h5ad", leiden=["x", "y"]), "anndata", "has no labels.*leiden")
    pq.write_table(pa.table({"path": ["0.png"], "label": [3]}), tmp_path / "a.parquet")
    refused(tmp_path / "a.parquet", "parquet", "which is not text")
    pq.write_table(pa.table({"x": [3]}), tmp_path / "a.parquet")
    refused(tmp_path / "a.parquet", "parquet", "path and label")
    with h5py.File(tmp_path / "b.h5ad", "w") as root:
        root.create_group("obs")
    refused(tmp_path / "b.h5ad", "anndata", "not a valid AnnData file")


def test_a_table_reads_no_other_file_of_the_machine(colon, tmp_path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"root:x" * 2)
    other = _h5ad(tmp_path / "other.h5ad", label=["x", "y"])
    for number, name in enumerate(("external bytes", "external link", "soft link")):
        file = _h5ad(tmp_path / f"{number}.h5ad", label=["x", "y"])
        with h5py.File(file, "a") as root:
            del root["obs/label"]
            if name == "external bytes":
                made = root["obs"].create_dataset(
                    "label", (2,), "S6", external=[(str(secret), 0, h5py.h5f.UNLIMITED)]
                )
                made.attrs["encoding-type"] = "string-array"
            elif name == "external link":
                root["obs/label"] = h5py.ExternalLink(str(other), "/obs/label")
            else:
                root["elsewhere"] = h5py.ExternalLink(str(other), "/obs")
                root["obs/label"] = h5py.SoftLink("/elsewhere/label")
        with pytest.raises(FewshotLabError, match="not in the file itself"):
            take_in(colon, file, "anndata", "kim")
    with h5py.File(tmp_path / "long.h5ad", "w") as root:
        obs = root.create_group("obs")
        obs.attrs.update({"_index": "names", "column-order": ["label"]})
        for column in ("names", "label"):
            obs.create_dataset(column, (10**9,), h5py.string_dtype(), chunks=(1000,))
            obs[column].attrs["encoding-type"] = "string-array"
    with pytest.raises(FewshotLabError, match="1,000,000,000 entries"):
        take_in(colon, tmp_path / "long.h5ad", "anndata", "kim")
    assert colon.store.classes() == []


def test_without_h5py_the_command_that_installs_it_is_said(
    colon, tmp_path, monkeypatch, capsys
) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    assert run(["exchange", "out", "colon", str(tmp_path / "a.h5ad"), "--as", "anndata"]) == 1
    assert "pip install fewshot-lab[exchange]" in capsys.readouterr().err


def test_a_folder_is_not_written_over_a_file_nor_a_table_left_half(colon, tmp_path) -> None:
    (tmp_path / "there").write_text("mine")
    with pytest.raises(FewshotLabError, match="is a file"):
        write_out(colon, tmp_path / "there", "fiftyone")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError):
        write_out(colon, tmp_path / "folder", "parquet")
    assert (tmp_path / "there").read_text() == "mine"
    assert not [*tmp_path.glob(".*.part")]
