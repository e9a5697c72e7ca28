"""A bundle from somebody else: nothing in it reaches a page, the disk or memory unlooked at."""

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.export import Bundle

pytestmark = pytest.mark.slow

ZEROS = bytes(2**20)


@pytest.fixture
def copy(bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundle, tmp_path / "bundle"))


def changed(folder: Path, name: str, change: Callable[[Any], Any]) -> None:
    path = folder / name
    path.write_text(json.dumps(change(json.loads(path.read_text("utf-8")))), "utf-8")


@pytest.mark.parametrize(
    "colour", ["red;background:url(//evil.test)", "#12345", "#1234567", "", 7, None, ["#123456"]]
)
def test_a_colour_that_is_none_never_reaches_a_page(copy: Path, colour: object) -> None:
    changed(copy, "classes.json", lambda rows: [rows[0] | {"color": colour}, *rows[1:]])
    with pytest.raises(FewshotLabError, match="not a colour"):
        Bundle(copy, "x")


def test_a_bundle_without_colours_is_shown_grey(copy: Path) -> None:
    changed(copy, "classes.json", lambda rows: [{"id": r["id"], "name": r["name"]} for r in rows])
    assert {row["color"] for row in Bundle(copy, "x").classes} == {"#808080"}


@pytest.mark.parametrize("value", ["x", None, 1.5, [1], {"a": 1}])
def test_a_format_that_is_no_number_is_a_sentence(copy: Path, value: object) -> None:
    changed(copy, "bundle.json", lambda about: about | {"format": value})
    with pytest.raises(FewshotLabError, match="damaged: its format"):
        Bundle(copy, "x")


def test_deep_json_is_a_sentence(copy: Path) -> None:
    (copy / "metrics.json").write_text("[" * 100_000)
    with pytest.raises(FewshotLabError, match=r"metrics.json cannot be read"):
        Bundle(copy, "x")


@pytest.mark.parametrize("value", [None, "x", [], {}])
def test_a_backbone_that_is_not_told_has_no_fingerprint(copy: Path, value: object) -> None:
    changed(copy, "bundle.json", lambda about: about | {"backbone": value})
    assert Bundle(copy, "x").fingerprint == ""


def zeros(path: Path, name: str, mebibytes: int) -> None:
    with (
        zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive,
        archive.open(name, "w", force_zip64=True) as member,
    ):
        for _ in range(mebibytes):
            member.write(ZEROS)


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    bomb = tmp_path / "bomb.zip"
    zeros(bomb, "b/model.onnx", 80)
    assert bomb.stat().st_size < 2**20
    with pytest.raises(FewshotLabError, match="would unpack to 80 MiB"):
        Bundle.open(bomb)


def test_a_bomb_inside_a_bundle_is_not_read(copy: Path) -> None:
    (copy / "reference.npz").unlink(missing_ok=True)
    zeros(copy / "reference.npz", "vectors.npy", 80)
    with pytest.raises(FewshotLabError, match=r"reference.npz would unpack to 80 MiB"):
        Bundle(copy, "x")


def test_a_damaged_stream_is_a_sentence(bundle: Path, tmp_path: Path) -> None:
    """Every byte of the packed data changed in turn, some forty of them."""
    packed = tmp_path / "damaged.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("classes.json", "preprocessing.json", "bundle.json"):
            archive.write(bundle / name, name)
    whole = packed.read_bytes()
    for at in range(40, len(whole) - 200, max(1, len(whole) // 40)):
        data = bytearray(whole)
        data[at : at + 8] = b"\xff" * 8
        packed.write_bytes(data)
        with pytest.raises(FewshotLabError):
            Bundle.open(packed)
