"""What the doctor finds, with the next step; and what the bill of materials names."""

import json
from importlib import metadata
from pathlib import Path

import pytest

from fewshot_lab.cli.main import run
from fewshot_lab.operations import bill_of_materials, check_installation
from fewshot_lab.project import Project


def findings(topic: str) -> list[tuple[str, str]]:
    found = [each for each in check_installation() if each.topic == topic]
    assert all(each.next_step for each in found if each.state != "good")
    return [(each.state, each.sentence) for each in found]


def test_all_is_well(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Project.create("cells").close()
    home.chmod(0o700)
    assert run(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["ok"]
    topics = {each["topic"] for each in found["findings"]}
    assert topics == {
        "versions", "packages", "extras", "GPU", "disk", "database", "sign-in", "rights", "projects"
    }  # fmt: skip
    assert not [each for each in found["findings"] if each["state"] == "mend"]


def test_what_is_to_be_mended(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Project.create("cells").close()
    (home / "cells" / "project.sqlite").write_text("no database" * 1000)
    (home / "cells").chmod(0o755)
    home.chmod(0o755)
    assert run(["doctor"]) == 1
    text = capsys.readouterr().out
    assert "cells does not open" in text and f"chmod -R go-rwx '{home}'" in text
    monkeypatch.setenv("FEWSHOT_LAB_DATABASE", "postgresql://lab:secret@127.0.0.1:1/nowhere")
    ((state, sentence),) = findings("database")
    assert state == "mend" and "does not answer" in sentence and "secret" not in sentence
    monkeypatch.setattr("shutil.disk_usage", lambda _: _Full())
    assert findings("disk")[0][0] == "mend"
    version = metadata.version
    monkeypatch.setattr(metadata, "version", lambda n: "0.1" if n == "umap-learn" else version(n))
    assert findings("packages")[0][1].startswith("umap-learn is 0.1, not >=")

    def without_slides(name: str) -> str:
        if name.startswith("openslide"):
            raise metadata.PackageNotFoundError
        return version(name)

    monkeypatch.setattr(metadata, "version", without_slides)
    (extras,) = [each for each in check_installation() if each.topic == "extras"]
    assert "Not for whole slides: openslide-python is missing" in extras.sentence
    assert extras.next_step == "Where it is needed: pip install 'fewshot-lab[slides]'."


class _Full:
    free = 1000


def test_a_server_that_answers(postgres: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEWSHOT_LAB_DATABASE", postgres)
    ((state, sentence),) = findings("database")
    assert state == "good" and sentence.startswith("PostgreSQL ")


@pytest.mark.slow
def test_the_bill_of_materials_is_valid(tmp_path: Path) -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    assert run(["sbom", str(tmp_path / "bill.json")]) == 0
    text = (tmp_path / "bill.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bill = json.loads(text)
    parts = {part["name"]: part for part in bill["components"]}
    for name in ("streamlit", "torch", "scikit-learn", "sqlalchemy"):
        assert parts[name]["version"] == metadata.version(name)
        assert parts[name]["licenses"]
    assert parts["efficientnet-lite0-dino"]["type"] == "machine-learning-model"
    refs = {part["bom-ref"] for part in bill["components"]}
    needs = {each["ref"]: each["dependsOn"] for each in bill["dependencies"]}
    assert parts["numpy"]["bom-ref"] in needs[parts["pandas"]["bom-ref"]]
    assert {ref for each in needs.values() for ref in each} <= refs
    assert bill_of_materials()["serialNumber"] != bill["serialNumber"]
