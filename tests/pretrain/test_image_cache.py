"""Images are decoded once; those that could not be read are told, and tried again when asked."""

from pathlib import Path

import numpy as np
from PIL import Image

from fewshot_lab.pretrain.image_cache import RunImage, decode_images


def test_what_was_away_is_read_when_it_is_back(tmp_path: Path) -> None:
    images = []
    for k in range(5):
        file = tmp_path / f"{k}.png"
        Image.new("RGB", (20, 10), (40 * k, 0, 0)).save(file)
        images.append(RunImage(str(k), file))
    (tmp_path / "3.png").rename(tmp_path / "away")
    first = decode_images(images, 8, tmp_path / "cache")
    assert [image.id for image in first.images] == ["0", "1", "2", "4"]
    assert first.unreadable == {"3": "The file is not there."}
    (tmp_path / "away").rename(tmp_path / "3.png")
    # A run that goes on sees what it began with; the next one sees all.
    assert len(decode_images(images, 8, tmp_path / "cache").images) == 4
    second = decode_images(images, 8, tmp_path / "cache", again=True)
    assert second.unreadable == {}
    red = np.array([second.pixels[k][0, 0, 0] for k in range(5)])
    assert red.tolist() == [0, 40, 80, 120, 160]
    held = second.without({"1"})
    assert [image.id for image in held.images] == ["0", "2", "3", "4"]
    assert held.pixels[np.array([0, 1])][:, 0, 0, 0].tolist() == [0, 80]
