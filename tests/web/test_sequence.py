"""The slices around an image, as the large view asks for them."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from fewshot_lab.images import SliceStep, read_rgb
from fewshot_lab.live import forget
from fewshot_lab.project import Project
from fewshot_lab.web import api_url, routes, unpack

from ..dicom_series import NAME, write_series


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return write_series(tmp_path / "ct", [0.0, 2.5, 5.0, 7.5, 10.0])


@pytest.fixture
def project(home: Path, files: list[Path]) -> Iterator[Project]:
    project = Project.create("chest")
    project.import_images(files[0].parent, slice_step=SliceStep(2))
    yield project
    forget("chest")


def test_slices_come_in_order_with_what_is_imported(project: Project, files: list[Path]) -> None:
    client = TestClient(Starlette(routes=routes()))
    ids = project.store.ids()
    address = f"{api_url('chest')}/image/{ids[1]}/sequence"
    answer = client.get(address)
    assert NAME not in answer.text
    assert answer.json()["sequence"] == {
        "kind": "slice",
        "unit": "mm",
        "length": 5,
        "at": 2,
        "numbers": [0, 1, 2, 3, 4],
        "ids": [ids[0], "", ids[1], "", ids[2]],
        "positions": [0, 2.5, 5, 7.5, 10],
    }
    shown = Image.open(BytesIO(client.get(f"{address}/3").content)).convert("RGB")
    assert np.array_equal(np.asarray(shown), np.asarray(read_rgb(files[3])))
    head, arrays = unpack(client.get(f"{address}/3/grey").content)
    values = arrays["pixels"].reshape(head["height"], head["width"]) + head["intercept"]
    stored = pydicom.dcmread(files[3]).pixel_array
    assert head["unit"] == "HU" and np.array_equal(values, stored.astype(int) - 1024)
    files[3].unlink()
    sequence = client.get(address).json()["sequence"]
    assert (sequence["numbers"], sequence["length"]) == ([0, 1, 2, 4], 5)
    assert client.get(f"{address}/3").status_code == 400
    assert client.get(f"{address}/99").status_code == 400
    assert client.get(f"{api_url('chest')}/image/{'0' * 20}/sequence").status_code == 400


def test_an_image_of_no_volume_has_no_slices(home: Path, tmp_path: Path) -> None:
    Image.new("RGB", (8, 8), "red").save(tmp_path / "a.png")
    with Project.create("plain") as project:
        project.import_images(tmp_path / "a.png")
        [image_id] = project.store.ids()
    client = TestClient(Starlette(routes=routes()))
    address = f"{api_url('plain')}/image/{image_id}/sequence"
    assert client.get(address).json() == {"sequence": None}
    assert "neither a slice of a volume" in client.get(f"{address}/0").json()["error"]
    forget("plain")
