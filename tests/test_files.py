"""Files: what is remembered of one, and what is said where the disk refuses."""

import errno
import os
import re
from pathlib import Path

import pytest

from fewshot_lab.files import disk_sentence, while_unchanged


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "make room"),
        (errno.EROFS, "/data/x cannot be used (Read-only file system): .* right"),
        (errno.EACCES, "/data/x cannot be used"),
        (errno.EIO, "/data/x does not answer .* drive"),
    ],
)
def test_what_a_disk_refuses_is_a_sentence_with_its_place(number: int, words: str) -> None:
    with pytest.raises(OSError, match="/data/x") as caught:
        raise OSError(number, os.strerror(number), b"/data/x")
    pattern = words.replace("(", r"\(").replace(")", r"\)")
    assert re.search(pattern, disk_sentence(caught.value) or "")


def test_what_is_no_matter_of_the_disk_is_left_to_others() -> None:
    for error in (FileNotFoundError(errno.ENOENT, "no", "x"), PermissionError(errno.EPERM, "no")):
        assert disk_sentence(error) is None
    assert disk_sentence(ValueError("x")) is None


def test_what_a_file_gave_is_remembered_until_the_file_is_another(tmp_path: Path) -> None:
    read: list[str] = []

    @while_unchanged(2)
    def text(path: Path, end: str) -> str:
        read.append(end)
        return path.read_text() + end

    file = tmp_path / "a.txt"
    file.write_text("a")
    assert [text(file, "!"), text(file, "!"), text(file, "?")] == ["a!", "a!", "a?"]
    file.write_text("bb")
    assert text(file, "!") == "bb!"
    assert read == ["!", "?", "!"]
