"""MedMNIST files become PNGs with splits and class names."""

import numpy as np
import pytest

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.images import Candidate, read_rgb, scan

RNG = np.random.default_rng(5)


def write(file, shape, labels, counts=(6, 2, 3), **more):
    arrays = {}
    for split, n in zip(("train", "val", "test"), counts, strict=True):
        arrays[f"{split}_images"] = RNG.integers(0, 256, (n, *shape), dtype=np.uint8)
        arrays[f"{split}_labels"] = labels(n)
    np.savez_compressed(file, **arrays, **more)
    return arrays


def one(classes):
    return lambda n: RNG.integers(0, classes, (n, 1)).astype(np.uint8)


@pytest.mark.parametrize("shape", [(28, 28), (28, 28, 3), (64, 64, 3)])
def test_every_picture_of_every_split_is_there_unchanged(tmp_path, shape):
    file = tmp_path / "bloodmnist_64.npz"
    arrays = write(file, shape, one(8))
    found = scan(file, extract_to=tmp_path / "out")
    assert found.total == 11
    items = list(found)
    assert all(isinstance(c, Candidate) for c in items)
    assert [c.path for c in items[5:8]] == [
        "bloodmnist_64/train/00005.png",
        "bloodmnist_64/val/00000.png",
        "bloodmnist_64/val/00001.png",
    ]
    assert [c.meta["split"] for c in items] == ["train"] * 6 + ["val"] * 2 + ["test"] * 3
    for k, candidate in enumerate(items[:6]):
        picture = arrays["train_images"][k]
        expected = picture if picture.ndim == 3 else np.stack([picture] * 3, axis=-1)
        assert np.array_equal(np.asarray(read_rgb(candidate.file)), expected)


def test_labels_are_the_collections_names(tmp_path):
    file = tmp_path / "bloodmnist.npz"
    write(file, (28, 28, 3), lambda n: (np.arange(n) % 8).reshape(-1, 1))
    found = list(scan(file, extract_to=tmp_path / "out"))
    assert [c.reference for c in found][:5] == [
        "basophil",
        "eosinophil",
        "erythroblast",
        "immature granulocytes",
        "lymphocyte",
    ]


def test_unknown_sets_keep_their_numbers_and_several_findings_are_no_class(tmp_path):
    write(tmp_path / "ours.npz", (28, 28), one(1))
    assert {c.reference for c in scan(tmp_path / "ours.npz", extract_to=tmp_path / "o")} == {"0"}
    both = np.zeros((2, 14), np.uint8)
    both[0, [1, 4]] = 1
    write(tmp_path / "chestmnist.npz", (28, 28), lambda n: both[:n], counts=(2, 1, 1))
    found = list(scan(tmp_path / "chestmnist.npz", extract_to=tmp_path / "o"))
    assert found[0].reference is None
    assert found[0].meta["findings"] == "cardiomegaly, mass"
    assert found[1].meta["findings"] == "none"


def test_reading_again_writes_nothing_anew(tmp_path):
    file = tmp_path / "a.npz"
    write(file, (28, 28), one(2))
    stamp = [c.file.stat().st_mtime_ns for c in scan(file, extract_to=tmp_path / "out")]
    again = [c.file.stat().st_mtime_ns for c in scan(file, extract_to=tmp_path / "out")]
    assert again == stamp
    assert not list((tmp_path / "out").rglob("*.part"))


def test_what_is_no_2d_set_is_one_clear_sentence(tmp_path):
    write(tmp_path / "organmnist3d.npz", (28, 28, 28), one(2))
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    np.savez(tmp_path / "objects.npz", train_images=np.array([{}, 1], dtype=object))
    (tmp_path / "text.npz").write_text("words")
    for name, reason in {
        "organmnist3d": "only 2D",
        "other": "not a MedMNIST file",
        "objects": "not made of pictures",
        "text": "damaged or truncated",
    }.items():
        with pytest.raises(FewshotLabError, match=reason):
            scan(tmp_path / f"{name}.npz", extract_to=tmp_path / "out")


def test_damage_inside_the_arrays_is_one_clear_sentence(tmp_path):
    file = tmp_path / "a.npz"
    np.savez(file, train_images=np.zeros((99, 28, 28), np.uint8))  # whose checksum will be wrong
    content = bytearray(file.read_bytes())
    content[50_000] ^= 1
    file.write_bytes(content)
    with pytest.raises(FewshotLabError, match=r"a\.npz is truncated or damaged in train_images"):
        list(scan(file, extract_to=tmp_path / "out"))
