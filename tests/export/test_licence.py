"""A backbone's licence goes with the bundle; where it forbids to pass that on, one must say so."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import timm
from safetensors.torch import save_file

from fewshot_lab.backbones import Preprocessing
from fewshot_lab.cli.main import run
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.export import ExportRefused, export_bundle, write_report
from fewshot_lab.project import Project

pytestmark = pytest.mark.slow

LICENCES = {
    "open": "Apache-2.0",
    "share-alike": "CC BY-SA 4.0",
    "non-commercial": "CC BY-NC 4.0",
    "no-derivatives": "CC BY-NC-ND 4.0",
    "not stated": "ask the author",
}
FORBIDDEN = ("non-commercial", "no-derivatives")
SHOWN = ("open", "no-derivatives")  # exported each time; the others before a release


@pytest.fixture
def licensed(cells: Path, home: Path, tmp_path: Path) -> Callable[[str], Project]:
    """Return what makes a labelled project whose backbone is under a licence."""

    def make(licence: str) -> Project:
        header = {
            "architecture": "test_efficientnet",
            "preprocessing": json.dumps(Preprocessing(64).to_dict()),
            "title": "Borrowed",
            "licence": licence,
            "leaks": "Some public set.",
        }
        network = timm.create_model("test_efficientnet", pretrained=False, num_classes=0)
        save_file(network.state_dict(), tmp_path / "borrowed.safetensors", header)
        project = Project.create("blood")
        project.import_images(cells, reference_labels="folders")
        project.embed(backbone=str(tmp_path / "borrowed.safetensors"), workers=1)
        by_type: dict[str, list[str]] = {}
        for row in project.store.images():
            by_type.setdefault(str(row.reference), []).append(row.id)
        names = sorted(by_type)[:2]
        project.labels.add({i: name for name in names for i in by_type[name][:4]}, annotator="kim")
        return project

    return make


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=[] if kind in SHOWN else pytest.mark.exhaustive)
        for kind in LICENCES
    ],
)
def test_the_licence_is_in_bundle_card_and_report(
    licensed: Callable[[str], Project], tmp_path: Path, kind: str
) -> None:
    with_it = licensed(LICENCES[kind])
    forbidden = kind in FORBIDDEN
    export_bundle(with_it, tmp_path / "bundle", licence_accepted=forbidden, accepted_by="kim")
    about = json.loads((tmp_path / "bundle" / "bundle.json").read_text("utf-8"))
    card = (tmp_path / "bundle" / "MODEL_CARD.md").read_text("utf-8")
    write_report(with_it, tmp_path / "report.html")
    report = (tmp_path / "report.html").read_text("utf-8")
    with_it.close()
    licence = about["licence"]
    assert (licence["name"], licence["class"]) == (LICENCES[kind], kind)
    assert bool(licence["conditions"]) == (kind != "open")
    for text in (card, report):
        assert f"{LICENCES[kind]} ({kind})" in text
        assert licence["conditions"] in text
        assert "Some public set." in text
    if forbidden:
        accepted = licence["accepted"]
        assert (accepted["by"], accepted["licence"]) == ("kim", LICENCES[kind])
        assert accepted["at"].startswith(about["created"][:10])
        assert f"Accepted by kim on {accepted['at']}: {LICENCES[kind]}." in card
    else:
        assert licence["accepted"] is None
        assert "Accepted" not in card


@pytest.mark.parametrize("kind", FORBIDDEN)
def test_without_a_word_nothing_is_written(
    licensed: Callable[[str], Project], tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = licensed(LICENCES[kind])
    monkeypatch.setattr(project, "fit", lambda: pytest.fail("it was fitted first"))
    with pytest.raises(ExportRefused, match=f"Borrowed is under {LICENCES[kind]}"):
        export_bundle(project, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()
    project.close()


def test_a_backbone_too_large_for_a_bundle_is_refused_before_anything_is_fitted(
    licensed: Callable[[str], Project], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = licensed(LICENCES["open"])
    monkeypatch.setattr("fewshot_lab.export.licence.BUNDLE_LIMIT_MB", 0)
    monkeypatch.setattr(project, "fit", lambda: pytest.fail("it was fitted first"))
    with pytest.raises(ExportRefused, match=r"Borrowed.*larger than the 2 GB"):
        export_bundle(project, tmp_path / "bundle")
    project.close()


def test_at_the_terminal(
    licensed: Callable[[str], Project], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    licensed(LICENCES["no-derivatives"]).close()
    assert run(["export", "blood", str(tmp_path / "bundle")]) != 0
    assert "--licence-accepted" in capsys.readouterr().err
    assert not (tmp_path / "bundle").exists()
    given = ["--licence-accepted", "--accepted-by", "robin"]
    assert run(["export", "blood", str(tmp_path / "bundle"), *given]) == 0
    about = json.loads((tmp_path / "bundle" / "bundle.json").read_text("utf-8"))
    assert about["licence"]["accepted"]["by"] == "robin"


def test_a_backbone_that_fits_nothing_leaves_the_project_as_it_was(
    licensed: Callable[[str], Project], tmp_path: Path
) -> None:
    project = licensed(LICENCES["open"])
    before, fingerprint = project.backbone_name, project.backbone.fingerprint
    embedded = list(project.require_embeddings().ids)
    other = timm.create_model("test_efficientnet", pretrained=False, num_classes=0)
    preprocessing = json.dumps(Preprocessing(64).to_dict())
    header = {"architecture": "resnet18", "preprocessing": preprocessing}
    save_file(other.state_dict(), tmp_path / "wrong.safetensors", header)
    for wrong, why in (
        (str(tmp_path / "wrong.safetensors"), "does not fit ResNet"),
        ("virchow2", "there is no network"),
        ("virchow3", "did you mean"),
    ):
        with pytest.raises(FewshotLabError, match=why):
            project.embed(backbone=wrong, workers=1)
    assert project.backbone_name == before
    assert project.backbone.fingerprint == fingerprint
    assert list(project.require_embeddings().ids) == embedded
    assert len(project.store.labels()) == 8
    project.close()
