"""A bundle works on what hospitals run: old Pythons, old packages; or says which it needs."""

import ast
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fewshot_lab.cli.main import run
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.export.onnx_graph import IR_VERSION
from fewshot_lab.export.predict_classifier import REQUIRES, refuse_older
from fewshot_lab.export.predict_script import predict_py

# Of the standard library, by module, what came after Python 3.9 and is easily used.
TOO_NEW = {
    "datetime": {"UTC"},
    "itertools": {"pairwise", "batched"},
    "typing": {
        "TypeAlias",
        "Self",
        "Never",
        "NotRequired",
        "ParamSpec",
        "assert_never",
        "override",
    },
    "enum": {"StrEnum"},
    "bisect": {"key"},
}


def test_the_script_is_written_for_the_oldest_python() -> None:
    assert REQUIRES["python"] == "3.9"
    tree = ast.parse(predict_py(), feature_version=(3, 9))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    too_new = [
        call.lineno
        for call in calls
        if {k.arg for k in call.keywords} & {"strict", "slots"}
        and ast.unparse(call.func) != "csv.reader"  # which has always taken strict
    ]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names = {alias.name for alias in node.names} & TOO_NEW.get(node.module or "", set())
            too_new += [f"{node.module}: {name}" for name in names]
    # Only annotations may join types by "|", for they are not computed.
    computed = [s.value for s in tree.body if isinstance(s, ast.Assign)]
    computed += [base for s in tree.body if isinstance(s, ast.ClassDef) for base in s.bases]
    for value in computed:
        if isinstance(value, ast.Subscript):
            unions = [n for n in ast.walk(value) if isinstance(n, ast.BinOp)]
            too_new += [f"line {value.lineno}: |" for _ in unions]
    for call in calls:
        if isinstance(call.func, ast.Name) and call.func.id in ("isinstance", "issubclass"):
            too_new += [call.lineno] * isinstance(call.args[1], ast.BinOp)
    assert too_new == []


def test_the_graph_is_one_that_onnxruntime_1_16_reads() -> None:
    assert IR_VERSION <= 9


@pytest.mark.parametrize("installed", ["9.3.0", "8.4", "1.9.9"])
def test_an_older_package_is_named_with_the_release_that_is_needed(installed) -> None:
    with pytest.raises(FewshotLabError, match=f"needs pillow 9.4 or later, and {installed} is"):
        refuse_older("pillow", installed)
    for enough in ("9.4.0", "9.5", "13.0.0", "10.0.0.dev1"):
        refuse_older("pillow", enough)


@pytest.mark.slow
def test_bundle_and_card_name_what_they_need(bundle) -> None:
    import json

    import onnx

    assert onnx.load(bundle / "model.onnx").ir_version <= 9
    assert json.loads((bundle / "bundle.json").read_text("utf-8"))["requires"] == REQUIRES
    card = (bundle / "MODEL_CARD.md").read_text("utf-8")
    assert "python 3.9, onnxruntime 1.16, numpy 1.21, pillow 9.4, or later versions" in card


@pytest.mark.exhaustive
def test_in_environments_of_old_and_new_packages(bundle, cells, tmp_path) -> None:
    """FEWSHOT_LAB_BUNDLE_PYTHONS names interpreters that have the three packages of a bundle.

    For the oldest: ``python3.9 -m venv oldest; oldest/bin/pip install onnxruntime==1.16.0
    numpy==1.21.6 pillow==9.4.0``.
    """
    pythons = [p for p in os.environ.get("FEWSHOT_LAB_BUNDLE_PYTHONS", "").split(":") if p]
    if not pythons:
        pytest.skip("FEWSHOT_LAB_BUNDLE_PYTHONS names no interpreter")
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    every_format(Image.open(next(cells.glob("monocyte/*.png"))).convert("RGB"), pictures)
    assert run(["predict", str(bundle), str(pictures), "--out", str(tmp_path / "app.csv")]) == 0
    expected = probabilities(tmp_path / "app.csv")
    for python in pythons:
        out = tmp_path / "script.csv"
        command = [python, "-W", "error", bundle / "predict.py", pictures, "--out", out]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, f"{python}: {done.stderr}"
        rows = probabilities(out)
        assert rows.keys() == expected.keys(), f"{python}: {done.stderr}"
        for path, values in rows.items():
            assert np.abs(values - expected[path]).max() <= 1e-3, f"{python}: {path}"


def every_format(cell: Image.Image, folder: Path) -> None:
    """Save a picture as what every Pillow since 9.4 reads."""
    cell.save(folder / "rgb.png")
    cell.save(folder / "cell.bmp")
    cell.save(folder / "cell.webp", lossless=True)
    cell.save(folder / "cell.jp2", irreversible=False)
    cell.save(folder / "cell.tga")
    cell.save(folder / "cell.jpg", quality=95)
    cell.convert("L").save(folder / "grey.tif", compression="tiff_lzw")
    cell.quantize(32).save(folder / "palette.gif")
    cell.save(folder / "pages.tif", save_all=True, append_images=[cell.rotate(90)])
    grey = np.asarray(cell.convert("L")).astype(np.uint16)
    Image.fromarray(grey * 257).save(folder / "sixteen.png")
    Image.fromarray(grey * 16).save(folder / "twelve.tif")
    import imagecodecs

    deep = imagecodecs.png_encode(np.asarray(cell).astype(np.uint16) * 257)
    (folder / "deep-colours.png").write_bytes(deep)


def probabilities(file: Path) -> dict[str, np.ndarray]:
    import csv

    with file.open(newline="", encoding="utf-8-sig") as stream:
        return {
            row["path"]: np.array([float(row[name]) for name in row if name.startswith("p_")])
            for row in csv.DictReader(stream)
        }
