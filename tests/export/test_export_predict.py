"""predict.py alone reads and predicts as the app does."""

import csv
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image

from fewshot_lab.cli.main import run
from fewshot_lab.embeddings import ImageItem
from fewshot_lab.embeddings.decoding import decode
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.export import Bundle, export_bundle, predict_folder
from fewshot_lab.export.parity import loaded_script
from fewshot_lab.export.predict_script import predict_py
from fewshot_lab.project import Project

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def zoo(tmp_path_factory, cells):
    """Return a folder of one cell in every format, good and bad."""
    folder = tmp_path_factory.mktemp("zoo")
    cell = Image.open(next(cells.glob("monocyte/*.png"))).convert("RGB")
    large = cell.resize((1600, 1200), Image.Resampling.BICUBIC)
    (folder / "deep" / "er").mkdir(parents=True)
    cell.save(folder / "rgb.png")
    cell.convert("L").save(folder / "grey.png")
    cell.quantize(32).save(folder / "palette.png")
    cell.convert("RGBA").rotate(30).save(folder / "alpha.png")
    cell.convert("L").convert("1").save(folder / "bilevel.tif")
    grey = np.asarray(cell.convert("L")).astype(np.uint16)
    Image.fromarray(grey * 257).save(folder / "sixteen.png")
    Image.fromarray(grey * 16).save(folder / "twelve.tif")
    cell.save(folder / "deep" / "er" / "cell.bmp")
    cell.save(folder / "cell.webp", quality=90)
    cell.convert("CMYK").save(folder / "cmyk.jpg")
    large.save(folder / "large.jpg", quality=92)
    exif = Image.Exif()
    exif[274] = 6
    large.save(folder / "turned.JPG", quality=92, exif=exif)
    large.resize((1201, 397)).save(folder / "wide.jpeg")
    cell.resize((40, 20)).save(folder / "tiny.png")
    pages = [cell, cell.rotate(90), cell.rotate(180)]
    pages[0].save(folder / "pages.tif", save_all=True, append_images=pages[1:])
    cell.save(folder / "Ünï cødé, name.png")
    (folder / "text.jpg").write_text("I am not a picture.")
    (folder / "empty.png").write_bytes(b"")
    (folder / "cut.jpg").write_bytes((folder / "large.jpg").read_bytes()[:9000])
    (folder / "notes.txt").write_text("passed over")
    return folder


BAD = {"text.jpg", "empty.png", "cut.jpg"}


def rows_of(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_its_preprocessing_is_the_apps_for_every_format(zoo, bundle, project):
    """Also for JPEGs decoded at a reduced scale, turned ones, 16 bit and TIFF pages."""
    seen = 0
    with loaded_script(bundle) as module:
        classifier = module.Classifier(bundle)
        for item in module.find_pictures(zoo):
            expected = decode(ImageItem("x", item.file, item.frame), project.backbone.preprocessing)
            if item.path in BAD:
                assert not isinstance(expected, np.ndarray)
                with pytest.raises(module.UnreadableImage):
                    classifier.prepare(item.file, item.frame)
                continue
            assert np.array_equal(classifier.prepare(item.file, item.frame), expected), item.path
            seen += 1
    assert seen == 18


def test_a_folder_from_app_and_script(zoo, bundle, tmp_path):
    """Same rows, same order, same numbers; what cannot be read is listed, not predicted."""
    with Bundle.open(bundle) as opened:
        report = predict_folder(opened, zoo, tmp_path / "app.csv")
        names = opened.names
    done = subprocess.run(
        [sys.executable, bundle / "predict.py", zoo, "--out", tmp_path / "script.csv"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "app.csv").read_text() == (tmp_path / "script.csv").read_text()
    rows = rows_of(tmp_path / "app.csv")
    ruled = ["decision", "prediction_set", "unlike", "similarity", "why"]
    plain = ["path", "predicted", "probability", *(f"p_{n}" for n in names)]
    assert list(rows[0]) == [*plain, *ruled]
    paths = [row["path"] for row in rows]
    assert {"deep/er/cell.bmp", "pages.tif#2", "Ünï cødé, name.png"} <= set(paths)
    assert not BAD & set(paths)
    for row in rows:
        values = {n: float(row[f"p_{n}"]) for n in names}
        assert sum(values.values()) == pytest.approx(1, abs=1e-4)
        assert row["predicted"] == max(values, key=values.__getitem__)
        assert float(row["probability"]) == max(values.values())
        assert row["decision"] in ("decided", "referred")
        assert row["predicted"] in row["prediction_set"].split("|")
        assert row["unlike"] == "no" or row["decision"] == "referred"
        assert bool(row["why"]) == (row["decision"] == "referred")
        assert (row["unlike"] == "yes") == row["why"].startswith("Unlike anything labelled")
    assert {path for path, _ in report.errors} == BAD
    assert {row["path"] for row in rows_of(tmp_path / "script.errors.csv")} == BAD
    for path in BAD:
        assert path in done.stderr


def test_dicom_through_the_app(bundle, cells, tmp_path):
    """The app reads DICOM; predict.py says that it leaves it to the app."""
    from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

    cell = Image.open(next(cells.glob("platelet/*.png"))).convert("RGB")
    data = pydicom.Dataset()
    data.file_meta = pydicom.dataset.FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    data.Rows, data.Columns, data.SamplesPerPixel = cell.height, cell.width, 3
    data.PhotometricInterpretation, data.PlanarConfiguration = "RGB", 0
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit, data.PixelRepresentation = 7, 0
    data.PixelData = cell.tobytes()
    folder = tmp_path / "scans"
    folder.mkdir()
    pydicom.dcmwrite(folder / "one.dcm", data, enforce_file_format=True)
    cell.save(folder / "one.png")
    with Bundle.open(bundle) as opened:
        report = predict_folder(opened, folder, tmp_path / "out.csv")
    dicom, png = rows_of(tmp_path / "out.csv")
    assert report.errors == []
    assert {**dicom, "path": ""} == {**png, "path": ""}
    with loaded_script(bundle) as module:
        refused = module.find_pictures(folder)[0]
    assert "DICOM" in refused.reason


def test_without_pictures_nothing_is_written(bundle, tmp_path):
    (tmp_path / "in").mkdir()
    command = [sys.executable, bundle / "predict.py", tmp_path / "in", "--out", tmp_path / "o.csv"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "no picture" in done.stderr
    assert "Traceback" not in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["in"]


def test_where_to_write_is_looked_at_before_any_picture(bundle, cells, tmp_path):
    with Bundle.open(bundle) as opened:
        with pytest.raises(FewshotLabError, match="is a folder"):
            predict_folder(opened, cells, tmp_path, progress=_none)
        with pytest.raises(FewshotLabError, match="does not exist"):
            predict_folder(opened, cells, tmp_path / "not" / "there.csv", progress=_none)


def _none(stage, done, total):
    raise AssertionError("a picture was predicted")


def test_nothing_but_unreadable_files_is_a_failure(bundle, tmp_path):
    (tmp_path / "empty.png").touch()
    command = [sys.executable, bundle / "predict.py", tmp_path, "--out", tmp_path / "o.csv"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and "0 predicted, 1 could not be read" in done.stdout
    assert run(["predict", str(bundle), str(tmp_path), "--out", str(tmp_path / "o.csv")]) == 1


def test_it_defines_nothing_twice_and_imports_nothing_else():
    import ast

    tree = ast.parse(predict_py())
    defined = [n.name for n in tree.body if isinstance(n, (ast.FunctionDef, ast.ClassDef))]
    for n in tree.body:  # constants of different modules meet here
        targets = n.targets if isinstance(n, ast.Assign) else [getattr(n, "target", None)]
        defined += [
            each.id
            for target in targets
            if target
            for each in ast.walk(target)
            if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
        ]
    assert [name for name, times in Counter(defined).items() if times > 1] == []
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").split(".")[0])
        elif isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
    optional = {
        "openslide",
        "pydicom",
        "tifffile",
    }  # imported late, each with a sentence where it is missing
    assert imported - sys.stdlib_module_names - optional == {"numpy", "PIL", "onnxruntime"}
    top = [n for n in tree.body if isinstance(n, (ast.Import, ast.ImportFrom))]
    assert not optional & {word for n in top for word in ast.unparse(n).split()}


def test_in_a_fresh_environment_with_three_packages(
    project, classifier, bundle, tmp_path, request, bare_python
):
    """The exported classifier on another machine: real blood cells where they are at hand."""
    try:
        source = request.getfixturevalue("pbc8")
    except pytest.skip.Exception:
        target = bundle
    else:
        made = Project.create("real", home=tmp_path / "home")
        chosen = [p for c in sorted(source.iterdir()) for p in sorted(c.glob("*.jpg"))[:4]]
        made.import_images(chosen, reference_labels="folders")
        made.embed(workers=1)
        made.labels.add(
            {r.id: r.reference for i, r in enumerate(made.store.images()) if i % 2}, annotator="kim"
        )
        project, classifier, target = made, made.fit(), tmp_path / "real-bundle"
        export_bundle(classifier.project, target, classifier=classifier)
    rows = project.store.images()
    folder = tmp_path / "pictures"
    folder.mkdir()
    for row in rows:
        file, _ = project.file_of(row.id)
        (folder / f"{row.id}{file.suffix}").symlink_to(file)
    out = tmp_path / "predictions.csv"
    clean = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [bare_python, "-W", "error", target / "predict.py", folder, "--out", out],
        capture_output=True,
        text=True,
        env=clean,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    names = {row.id: row.name for row in project.store.classes()}
    shown = classifier.probabilities([row.id for row in rows])
    found = {row["path"].split(".")[0]: row for row in rows_of(out)}
    assert len(found) == len(rows)
    for row, expected in zip(rows, shown, strict=True):
        for class_id, value in zip(classifier.fitted.class_ids, expected, strict=True):
            assert abs(float(found[row.id][f"p_{names[int(class_id)]}"]) - value) <= 1e-4


def test_the_rule_is_the_apps_on_every_stored_image(bundle, project, classifier):
    """What is decided, the sets and what is unlike: by predict.py and by the app."""
    from fewshot_lab.project import rule

    decision, _ = rule(project, classifier.fitted, classifier.training.ids)
    ids = project.store.ids()
    told = {}
    with loaded_script(bundle) as module:
        script = module.Classifier(bundle)
        for row in script.predict([project.file_of(i)[0] for i in ids]):
            told[Path(row.path)] = row
        names = script.names
    stored = project.require_embeddings().matrix(ids).astype(np.float32)
    statistics = project.require_embeddings().statistics(ids)
    app = decision.apply(classifier.probabilities(ids), stored, statistics)
    order = [int(c) for c in classifier.fitted.class_ids]
    by_id = {row.id: row.name for row in project.store.classes()}
    assert names == [by_id[c] for c in order]
    for k, image_id in enumerate(ids):
        row = told[project.file_of(image_id)[0]]
        assert row.decided == app.decided[k]
        assert row.unlike == app.unlike[k]
        assert bool(row.why) == bool(app.reasons[k])
        assert row.classes == tuple(np.array(names)[app.sets[k]])
        assert row.similarity == pytest.approx(app.similarity[k], abs=1e-3)
    assert app.unlike.any() and not app.unlike.all()


def test_a_bundle_made_before_there_was_a_rule_still_predicts(bundle, cells, tmp_path):
    old = tmp_path / "old"
    shutil.copytree(bundle, old)
    for name in ("decision.json", "reference.npz"):
        (old / name).unlink()
    (picture,) = list(cells.glob("platelet/*.png"))[:1]
    with Bundle.open(old) as opened:
        report = predict_folder(opened, picture, tmp_path / "old.csv")
    with Bundle.open(bundle) as opened:
        predict_folder(opened, picture, tmp_path / "new.csv")
    (before,), (after,) = rows_of(tmp_path / "old.csv"), rows_of(tmp_path / "new.csv")
    assert report.predicted == 1 and report.referred is None
    assert before["decision"] == before["prediction_set"] == before["unlike"] == ""
    assert before["probability"] == after["probability"]


def test_parts_of_a_folder_add_up_to_the_whole(bundle, cells, tmp_path, capsys):
    out, cells = tmp_path / "p.csv", cells / "platelet"
    assert run(["predict", str(bundle), str(cells), "--out", str(out)]) == 0
    for i in range(3):
        shard = ["--out", str(out), "--shard", f"{i}/3"]
        assert run(["predict", str(bundle), str(cells), *shard]) == 0
    parts = [(tmp_path / f"p.{i}-of-3.csv").read_text("utf-8-sig").splitlines() for i in range(3)]
    header, *whole = out.read_text("utf-8-sig").splitlines()
    assert [part[0] for part in parts] == 3 * [header]
    assert sorted(line for part in parts for line in part[1:]) == sorted(whole)
    capsys.readouterr()
    patients = ["--group-pattern", "(.)", "--shard", "0/3"]
    assert run(["predict", str(bundle), str(cells), "--out", str(out), *patients]) == 1
    assert "does not hold whole patients" in capsys.readouterr().err
