"""What is imported where the operator named the folders it may come from."""

from pathlib import Path

import pytest
from PIL import Image

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.images import Candidate, Refused, import_roots, scan, set_import_roots


def draw(file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8)).save(file)
    return file


@pytest.fixture
def shared(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Name one root; beside it lie images that are somebody else's."""
    monkeypatch.setenv("FEWSHOT_LAB_IMPORT_ROOTS", "")
    draw(tmp_path / "private" / "secret.png")
    draw(tmp_path / "shared" / "mine.png")
    set_import_roots([tmp_path / "shared"])
    return tmp_path / "shared"


def outcome(source: Path, project: Path | None = None) -> tuple[list[str], list[str]]:
    items = list(scan(source, roots=import_roots(project)))
    return (
        [item.path for item in items if isinstance(item, Candidate)],
        [item.path for item in items if isinstance(item, Refused)],
    )


def test_a_path_outside_is_refused_with_where_to_look(shared: Path) -> None:
    for outside in (shared.parent / "private", shared / ".." / "private", Path("/")):
        with pytest.raises(FewshotLabError, match="cannot be used here: choose something in"):
            outcome(outside)
    assert outcome(shared) == (["mine.png"], [])


def test_links_and_rows_of_a_manifest_lead_nowhere_outside(shared: Path) -> None:
    (shared / "link.png").symlink_to(shared.parent / "private" / "secret.png")
    (shared / "folder").symlink_to(shared.parent / "private")
    assert outcome(shared) == (["mine.png"], ["link.png", "folder/secret.png"])
    (shared / "list.csv").write_text(
        f"path\nmine.png\n../private/secret.png\n{shared.parent}/private/secret.png#0\n"
    )
    there, refused = outcome(shared / "list.csv")
    assert there == ["mine.png"] and len(refused) == 2


def test_what_was_dropped_is_imported_but_no_other_project(shared: Path, home: Path) -> None:
    for name in ("own", "other"):
        draw(home / name / "uploads" / "1" / "a.png")
        (home / name / "project.json").touch()
    assert outcome(home / "own" / "uploads", home / "own") == (["1/a.png"], [])
    set_import_roots([home])  # even where the projects lie inside a root
    with pytest.raises(FewshotLabError):
        outcome(home / "other", home / "own")


def test_a_root_that_is_no_folder_is_said_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(FewshotLabError, match="is not a folder"):
        set_import_roots([tmp_path / "nowhere"])


def test_without_roots_everything_readable_is_imported(home: Path, tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    assert outcome(tmp_path)[0] == ["a.png"]
