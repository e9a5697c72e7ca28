"""The verbs that keep a server, as they are typed."""

import json
import shutil
from pathlib import Path

import pytest

from fewshot_lab.cli.main import run


def test_backup_restore_quota_move(
    template: Path, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(template, home / "cells")
    file = tmp_path / "cells.zip"

    def said(*words: object, code: int = 0) -> str:
        capsys.readouterr()
        assert run([str(word) for word in words]) == code
        out, err = capsys.readouterr()
        return out if code == 0 else err

    text = said("backup", "cells", file)
    assert "64 images" in text and "64 image files outside the project are not in it" in text
    assert "already: name another file" in said("backup", "cells", file, code=1)
    assert json.loads(said("backup", "cells", file, "--overwrite", "--json"))["images"] == 64
    assert said("restore", file).startswith("cells-2: 64 images")
    assert "nothing at" in said("restore", tmp_path / "none.zip", code=1)
    assert "no folder" in said("backup", "cells", tmp_path / "none" / "a.zip", code=1)
    assert "any number of images and any size" in said("quota", "cells")
    assert "may hold 100 images and 2 GB" in said("quota", "cells", "--images", 100, "--gb", 2)
    assert "any number" in said("quota", "cells", "--none")
    assert "set FEWSHOT_LAB_DATABASE" in said("move-database", "cells", "postgresql", code=1)
    assert "not to 'oracle'" in said("move-database", "cells", "oracle", code=1)
