"""Copies are found whatever was done to them, and look-alikes are not taken for copies."""

import io

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from fewshot_lab.embeddings import COPY_SIDE, describe_picture, find_copies
from fewshot_lab.images.demo import draw_demo

N = 64


def saved(image, quality):
    data = io.BytesIO()
    image.save(data, "JPEG", quality=quality)
    return Image.open(data).convert("RGB")


CHANGES = {
    "mirrored": lambda i: i.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "upside down": lambda i: i.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
    "quarter turn": lambda i: i.transpose(Image.Transpose.ROTATE_90),
    "transposed": lambda i: i.transpose(Image.Transpose.TRANSVERSE),
    "poor JPEG": lambda i: saved(i, 30),
    "brighter": lambda i: ImageEnhance.Brightness(i).enhance(1.08),
    "smaller": lambda i: i.resize((i.width * 7 // 10, i.height * 7 // 10)),
    "cut": lambda i: i.crop((4, 4, i.width - 4, i.height - 4)),
    "mirrored and saved": lambda i: saved(i.transpose(Image.Transpose.FLIP_LEFT_RIGHT), 50),
}


def gray(image):
    size = (COPY_SIDE, COPY_SIDE)
    return np.asarray(image.convert("L").resize(size, Image.Resampling.BOX), dtype=np.float32)


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """Drawn cells, all in the middle of a field of red ones: look-alikes."""
    folder = tmp_path_factory.mktemp("cells")
    draw_demo(folder, n=N, seed=5)
    return [Image.open(file).convert("RGB") for file in sorted(folder.glob("*/*.png"))]


def copies(pictures, rows):
    grays = [gray(picture) for picture in pictures]
    descriptions = np.stack([describe_picture(one) for one in grays])
    return {tuple(pair) for pair in find_copies(grays.__getitem__, descriptions, rows).tolist()}


def test_look_alikes_are_no_copies(cells):
    assert copies(cells, np.arange(N)) == set()


@pytest.mark.parametrize("change", CHANGES)
def test_copies_are_found_whatever_was_done_to_them(cells, change):
    some = list(range(0, N, 8))
    changed = [CHANGES[change](cells[k]) for k in some]
    expected = {(k, N + at) for at, k in enumerate(some)}
    assert copies([*cells, *changed], np.arange(N, N + len(some))) == expected


def test_all_of_three_copies_belong_together(cells):
    again = [CHANGES["poor JPEG"](cells[3]), CHANGES["mirrored"](cells[3])]
    assert {(3, N), (3, N + 1)} <= copies([*cells, *again], np.arange(N, N + 2))


def test_blank_pictures_are_no_copies_of_one_another():
    blank = [Image.new("RGB", (90, 90), (200 + k, 200, 200)) for k in range(4)]
    assert copies(blank, np.arange(4)) == set()
    assert copies(blank[:1], np.arange(1)) == set()
