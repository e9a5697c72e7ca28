"""What killed exports left behind, and what only looks like it."""

import os
import time
from pathlib import Path

from fewshot_lab.export.bundle_place import UNFINISHED, is_unfinished
from fewshot_lab.files import clear_leftovers


def test_leftovers_of_any_export_go_and_other_files_stay(tmp_path: Path) -> None:
    left, fresh, other = (
        tmp_path / name for name in (".a-1.0123abcd.part", ".b.x.part", ".c.y.part")
    )
    for folder in (left, fresh, other):
        folder.mkdir()
        (folder / "model.onnx").touch()
    (other / "thesis.odt").touch()
    packed, download = tmp_path / ".a-1.zip.4711.part", tmp_path / ".film.mp4.part"
    packed.touch()
    download.touch()
    old = time.time() - 4000
    for path in (left, other, packed, download):
        os.utime(path, (old, old))
    clear_leftovers(tmp_path, UNFINISHED, is_unfinished)
    assert {path.name for path in tmp_path.iterdir()} == {fresh.name, other.name, download.name}
