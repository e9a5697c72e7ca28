"""The square of pixels that a backbone sees."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fewshot_lab.backbones import Preprocessing
from fewshot_lab.errors import FewshotLabError


def picture(width: int, height: int) -> Image.Image:
    y, x = np.mgrid[0:height, 0:width]
    rgb = np.stack([x * 255 / width, y * 255 / height, (x + y) % 256], axis=2)
    return Image.fromarray(rgb.astype(np.uint8))


def test_squash_is_pillows_resize() -> None:
    image = picture(300, 200)
    expected = np.array(image.resize((64, 64), Image.Resampling.BICUBIC))
    assert np.array_equal(Preprocessing(64).array(image), expected)


def test_a_picture_of_the_right_size_is_left_alone() -> None:
    image = picture(64, 64)
    assert np.array_equal(Preprocessing(64).array(image), np.array(image))


def test_crop_is_resize_then_centre_crop() -> None:
    image = picture(400, 300)
    resized = image.resize((341, 256), Image.Resampling.BICUBIC)
    expected = np.array(resized.crop((58, 16, 58 + 224, 16 + 224))).astype(int)
    got = Preprocessing(224, resize="crop", crop=0.875).array(image).astype(int)
    # The cropped part alone is computed, so pixels at its rim may round otherwise.
    assert np.abs(got - expected)[:, :, :2].max() <= 2


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 90),
    st.integers(1, 90),
    st.sampled_from(["squash", "crop"]),
    st.sampled_from([0.5, 0.875, 1.0]),
)
def test_any_picture_gives_a_full_square(width: int, height: int, resize: str, crop: float) -> None:
    preprocessing = Preprocessing(32, resize=resize, crop=crop)  # type: ignore[arg-type]
    array = preprocessing.array(picture(width, height))
    assert array.shape == (32, 32, 3)
    assert array.dtype == np.uint8
    assert array.flags.writeable


def test_grey_is_taken_too() -> None:
    assert Preprocessing(16).array(Image.new("L", (20, 30), 77)).tolist()[0][0] == [77, 77, 77]


def test_at_least_is_what_the_shorter_side_becomes() -> None:
    assert Preprocessing(224).at_least == 224
    assert Preprocessing(224, resize="crop", crop=0.875).at_least == 256


def test_nearest_neighbours_are_taken_from_the_picture_at_its_full_size() -> None:
    assert Preprocessing(64, interpolation="nearest").at_least is None
    image = picture(300, 200)
    expected = np.array(image.resize((64, 64), Image.Resampling.NEAREST))
    assert np.array_equal(Preprocessing(64, interpolation="nearest").array(image), expected)


def test_it_survives_json() -> None:
    for interpolation in ("bilinear", "nearest"):
        made = Preprocessing(160, "crop", 0.9, interpolation, (0.1, 0.2, 0.3), (1.0, 0.5, 0.25))  # type: ignore[arg-type]
        assert Preprocessing.from_dict(made.to_dict()) == made


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 0},
        {"interpolation": "lanczos"},
        {"resize": "stretch"},
        {"std": (0, 1, 1)},
        {"mean": (1,)},
        {"size": "x"},
    ],
)
def test_nonsense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(FewshotLabError):
        Preprocessing.from_dict(Preprocessing(64).to_dict() | wrong)
