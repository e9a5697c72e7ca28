"""Files: what is remembered of one."""

from pathlib import Path

from fewshot_lab.files import while_unchanged


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
