"""The verbs at a terminal, as a user or a script calls them."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.main import get_command

from fewshot_lab import accounts
from fewshot_lab.cli.main import app, run
from fewshot_lab.images.demo import draw_demo
from fewshot_lab.project import Project

ROOT = Path(__file__).resolve().parent.parent


class Terminal:
    """Runs verbs and keeps what they said."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: object) -> tuple[int, str, str]:
        self._capsys.readouterr()
        code = run([str(a) for a in arguments])
        out, err = self._capsys.readouterr()
        assert "Traceback" not in err
        return code, out, err

    def json(self, *arguments: object) -> dict:
        code, out, err = self(*arguments, "--json")
        assert code == 0, err
        assert out.count("\n") == 1
        return json.loads(out, parse_constant=pytest.fail)  # no NaN: not every reader takes it


@pytest.fixture
def terminal(capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(capsys)


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of 40 drawn cells, a folder per type, and one file that is no picture."""
    folder = tmp_path_factory.mktemp("cells")
    draw_demo(folder, n=40)
    (folder / "platelet" / "broken.jpg").write_text("no picture")
    return folder


@pytest.fixture(scope="module")
def imported(cells: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a project of these cells, to be copied."""
    with Project.create("cells", home=tmp_path_factory.mktemp("imported")) as project:
        project.import_images(cells, reference_labels="folders")
        return project.folder


def module(*arguments: object, **options: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "fewshot_lab", *map(str, arguments)],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,  # type: ignore[call-overload]
    )


def test_a_wrong_backbone_is_refused_before_any_image_comes_in(terminal, home, cells):
    terminal("create", "blood")
    for options, sentence in (
        (["--prepare", "--backbone", "nope"], "'nope'"),
        (["--backbone", "efficientnet-lite0-dino"], "give --prepare"),
    ):
        code, _, err = terminal("import", "blood", cells, *options)
        assert code == 1 and sentence in err
    with Project.open("blood", home=home) as project:
        assert list(project.store.ids()) == []


@pytest.mark.slow
def test_from_a_folder_to_predictions(terminal, home, cells, tmp_path):
    """The lines of the manual, in order."""
    assert terminal("create", "blood")[0] == 0
    done = terminal.json("import", "blood", cells, "--reference-labels", "folders")
    assert done["added"] == 40
    assert [path for path, _ in done["refused"]] == ["platelet/broken.jpg"]
    again = terminal.json("import", "blood", cells)
    assert (again["added"], again["known"]) == (0, 40)
    embedded = terminal.json("embed", "blood", "--workers", 1)
    assert (embedded["done"], embedded["failed"]) == (40, [])
    assert terminal.json("map", "blood") == {"images": 40, "method": "umap"}

    labels = tmp_path / "labels.csv"
    files = sorted(p.relative_to(cells).as_posix() for p in cells.glob("*/*.png"))
    kept = [f for f in files if f.startswith(("neutrophil", "platelet"))]
    labels.write_text("path,label\n" + "".join(f"{f},{f.split('/')[0]}\n" for f in kept))
    assert terminal.json("label", "blood", "--csv", labels, "--annotator", "kim") == {
        "labelled": 10,
        "unmatched": [],
        "respelt": {},
    }
    fitted = terminal.json("fit", "blood")
    assert fitted["classes"] == ["neutrophil", "platelet"]
    figure = fitted["cross_validation"]["balanced_accuracy"]
    assert figure["low"] <= figure["value"] <= figure["high"]
    assert figure["n"] == 10

    bundle = tmp_path / "bundle"
    exported = terminal.json("export", "blood", bundle)
    assert exported["max_difference"] <= 1e-4
    assert exported["n_images"] >= 20
    code, out, err = terminal("predict", bundle, cells, "--out", tmp_path / "p.csv")
    assert code == 0
    assert "40 images predicted" in out
    assert "platelet/broken.jpg" in err
    with (tmp_path / "p.csv").open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    columns = ["path", "predicted", "probability", "p_neutrophil", "p_platelet"]
    assert list(rows[0])[:5] == columns
    assert {row["decision"] for row in rows} <= {"decided", "referred"}
    acting = terminal.json("evaluate", "probabilities", "blood", "--target-error", "0.1", "--keep")
    assert acting["evidence"] == "out-of-fold" and acting["settings"]["target_error"] == 0.1
    assert acting["threshold"]["rule"] == "estimated"
    assert "on images that were not drawn at random" in acting["threshold"]["sentence"]
    code, _, err = terminal("evaluate", "confounders", "blood")
    assert code == 1 and "No suspected confounder is named" in err
    code, _, err = terminal("evaluate", "confounders", "blood", "--column", "site")
    assert code == 1 and "No image has a column 'site'" in err
    code, _, err = terminal("evaluate", "probabilities", "blood", "--target-error", "5")
    assert code == 1 and "between 0 and 1" in err
    assert [row["path"] for row in rows] == files

    code, out, _ = terminal("predictions", "blood")
    assert code == 0
    columns = "image,path,label,annotator,split,predicted,probability,is_training,log"
    assert out.startswith(columns + "\n")
    assert out.count("\n") == 41
    code, out, _ = terminal("labels", "blood")
    assert out.count("\n") == 11
    for options, mark in (((), b"\xef\xbb\xbf"), (("--no-bom",), b"")):
        assert terminal("labels", "blood", "--out", tmp_path / "l.csv", *options)[0] == 0
        assert (tmp_path / "l.csv").read_bytes().startswith(mark + b"image,path")
    listed = terminal.json("projects")["projects"]
    assert [(p["name"], p["images"], p["labelled"]) for p in listed] == [("blood", 40, 10)]


def test_labels_of_unknown_images_are_said_and_the_others_stored(
    terminal, home, cells, imported, tmp_path
):
    shutil.copytree(imported, home / "a")
    file = next(cells.glob("*/*.png")).relative_to(cells).as_posix()
    (tmp_path / "labels.csv").write_text(f"path,label\n{file},odd\nnowhere.png,odd\n")
    code, out, err = terminal("label", "a", "--csv", tmp_path / "labels.csv", "--annotator", "kim")
    assert code == 1
    assert "1 image labelled" in out
    assert "nowhere.png" in err
    history = terminal.json("history", "a")["history"]
    assert history[0]["annotator"] == "kim"
    assert terminal.json("labels", "a")["labels"][0]["label"] == "odd"
    assert terminal.json("labels", "a", "--at", "2020-01-01")["labels"] == []
    (then,) = terminal.json("labels", "a", "--at", history[0]["time"])["labels"]
    assert then["label"] == "odd"


def test_a_file_that_cannot_be_written_is_named_as_it_was_asked_for(terminal, home, tmp_path):
    terminal("create", "a")
    code, _, err = terminal("labels", "a", "--out", tmp_path)
    assert (code, err) == (1, f"{tmp_path}: Is a directory.\n")


def test_where_nothing_is_taken_in_the_exit_status_says_so(terminal, home, cells, tmp_path):
    terminal("create", "a")
    (tmp_path / "labels.csv").write_text("path,label\n")
    code, _, err = terminal("label", "a", "--csv", tmp_path / "labels.csv", "--annotator", "kim")
    assert code == 1 and "no row below its first line" in err
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "empty.png").touch()
    assert terminal("import", "a", cells)[0] == 0  # one of them cannot be read
    code, out, err = terminal("import", "a", tmp_path / "images", "--json")
    assert code == 1 and "empty.png: The file is empty" in err
    assert json.loads(out)["added"] == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["open"], 2, "No such command"),
        (["create"], 2, "PROJECT"),
        (["embed", "a", "--shard", "2/2"], 2, "--shard"),
        (["embed", "a", "--batch-size", "0"], 2, "batch-size"),
        (["create", "a/b"], 1, "cannot be a project's name"),
        (["demo", "a/b"], 1, "cannot be a project's name"),
        (["map", "nobody"], 1, "no project named"),
        (["map", "bare"], 1, "embed"),
        (["fit", "bare"], 1, "embed"),
        (["export", "bare", "x"], 1, "embed"),
        (["embed", "bare"], 1, "no images"),
        (["import", "bare", "/not/there"], 1, "/not/there"),
        (["import", "bare", ".", "--label-column", "x"], 1, "CSV"),
        (["import", "nobody", "."], 1, "fewshot-lab create nobody"),
        (["label", "bare", "--csv", "/not/there.csv", "--annotator", "kim"], 1, "there.csv"),
        (["labels", "bare", "--at", "yesterday"], 1, "yesterday"),
        (["predict", "/not/there", "."], 1, "no bundle"),
        (["create", "bare"], 1, "already"),
        (["jobs", "bare", "--stop", "x"], 1, "no job"),
    ],
)
def test_a_mistake_is_one_sentence_and_an_exit_status(arguments, code, words, terminal, home):
    terminal("create", "bare")
    for more in ([], ["--json"]):
        found, out, err = terminal(*arguments, *more)
        assert found == code
        assert out == ""
        assert words in err
        assert err.count("\n") == 1


def test_an_empty_folder_holds_no_image(terminal, home, tmp_path):
    terminal("create", "bare")
    (tmp_path / "in").mkdir()
    code, _, err = terminal("import", "bare", tmp_path / "in")
    assert code == 1
    assert "No image" in err


def test_the_home_can_be_named_before_and_after_the_verb(terminal, home, tmp_path, monkeypatch):
    monkeypatch.setenv("FEWSHOT_LAB_HOME", str(home))  # --home overwrites it
    terminal("create", "there", "--home", tmp_path / "other")
    assert (tmp_path / "other" / "there" / "project.sqlite").exists()
    monkeypatch.setenv("FEWSHOT_LAB_HOME", str(home))
    code, out, _ = terminal("--home", tmp_path / "other", "projects")
    assert code == 0
    assert "there" in out


def test_backbones_are_listed_with_the_default_first(terminal, home):
    found = terminal.json("backbones")["backbones"]
    assert found[0]["default"]
    assert found[0]["available"]
    code, out, _ = terminal("backbones")
    assert code == 0
    assert found[0]["name"] in out


def test_a_manifest_with_named_columns(terminal, home, cells, tmp_path):
    rows = sorted(cells.glob("*/*.png"))[:6]
    manifest = tmp_path / "list.csv"
    manifest.write_text(
        "where,what,who,site\n"
        + "".join(f"{p},{p.parent.name},p{i % 2},x\n" for i, p in enumerate(rows))
    )
    terminal("create", "m")
    columns = ["--path-column", "where", "--group-column", "who", "--meta-column", "site"]
    done = terminal.json("import", "m", manifest, "--reference-labels", "what", *columns)
    assert done["added"] == 6
    project = Project.open("m")
    images = project.store.images()
    project.close()
    assert {row.group for row in images} == {"p0", "p1"}
    assert {row.reference for row in images} == {p.parent.name for p in rows}
    assert {row.meta["site"] for row in images} == {"x"}


def test_a_job_reports_to_its_run_folder(terminal, home, cells):
    """As the page starts it: in a process of its own."""
    from fewshot_lab import jobs

    terminal("create", "j")
    job = jobs.start(home / "j", "import", [str(cells), "--reference-labels", "folders"])
    deadline = time.monotonic() + 120
    while job.status().state in ("queued", "running") and time.monotonic() < deadline:
        time.sleep(0.2)
    assert job.status().state == "finished", job.log()
    report = json.loads((job.folder / "report.json").read_text())
    assert report["added"] == 40
    listed = terminal.json("jobs", "j")["jobs"]
    assert [(row["verb"], row["state"]) for row in listed] == [("import", "finished")]


@pytest.mark.slow
def test_heavy_work_at_the_terminal_waits_in_line(terminal, home, imported):
    from fewshot_lab.jobs import queue_slot

    shutil.copytree(imported, home / "w")
    with queue_slot({"project": "night", "device": "cpu"}, lambda sentence: False):
        waits = module("embed", "w", "--device", "cpu")
        assert waits.stderr is not None
        said = waits.stderr.readline()
        assert said.startswith("Waiting until the work on “night” has ended.")
        assert "--now" in said
        part = terminal.json("embed", "w", "--device", "cpu", "--shard", "0/2")
        assert 0 < part["done"] < 40
        assert terminal.json("embed", "w", "--device", "cpu", "--now")["failed"] == []
        assert waits.poll() is None
        code, _, err = terminal("embed", "nope")
        assert code == 1
        assert "no project named 'nope'" in err
    out, _ = waits.communicate(timeout=60)
    assert waits.returncode == 0
    assert "0 images embedded" in out


def test_every_argument_and_option_says_what_it_is():
    def silent(command, path):
        for part in command.params:
            if not getattr(part, "hidden", False) and not getattr(part, "help", None):
                yield f"{path} {part.name}"
        for name, verb in getattr(command, "commands", {}).items():
            if not verb.hidden:
                assert verb.help, name
                yield from silent(verb, f"{path} {name}")

    assert list(silent(get_command(app), "fewshot-lab")) == []


def test_a_help_is_wrapped_by_the_terminal_alone(capsys):
    assert run(["predict", "--help"]) == 0
    words = capsys.readouterr().out.split("Arguments")[0].splitlines()
    width = max(map(len, words))
    lines = [line.strip() for line in words if "tile" in line or line.endswith(".")]
    assert all(line.endswith(".") or len(line) > width - 20 for line in lines), lines


def test_help_is_there_for_every_verb():
    """And costs none of the heavy libraries."""
    process = module("--help")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert err == ""
    for verb in ("create", "import", "embed", "map", "label", "fit", "export", "predict", "serve"):
        assert f" {verb} " in out
    loaded = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "fewshot_lab", "projects", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    ).stderr
    for heavy in ("numpy", "torch", "sklearn", "sqlalchemy", "streamlit", "PIL"):
        assert f" {heavy}\n" not in loaded


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="SIGINT is not sent to one process on Windows")
def test_ctrl_c_leaves_no_traceback_and_a_project_that_goes_on(home, tmp_path, terminal):
    draw_demo(tmp_path / "many", n=400)
    terminal("create", "c")
    process = module("import", "c", tmp_path / "many", start_new_session=True)
    time.sleep(0.5)
    while process.poll() is None and not any((home / "c" / "thumbs").glob("*/*")):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode in (0, 130)  # 0: it was done before the signal came
    assert "Traceback" not in err
    done = terminal.json("import", "c", tmp_path / "many")
    assert terminal.json("projects")["projects"][0]["images"] == 400
    assert done["added"] + done["known"] == 400


def test_a_taken_port_is_said_before_anything_starts(terminal, home):
    import socket

    with socket.socket() as taken:
        taken.bind(("localhost", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, _, err = terminal("serve", "--port", port)
    assert code == 1
    assert str(port) in err


@pytest.mark.slow
def test_the_demo_is_whole_and_goes_on_where_it_stopped(terminal, home):
    made = terminal.json("demo", "--images", "32")
    assert (made["name"], made["added"]) == ("demo", 32)
    assert made["map"]["images"] == 32
    again = terminal.json("demo", "--images", "32")
    assert (again["added"], again["embed"]["done"]) == (0, 0)


def test_the_demo_never_goes_into_a_project_of_ones_own(terminal, home, imported):
    shutil.copytree(imported, home / "mine")
    code, _, err = terminal("demo", "mine")
    assert code == 1
    assert "of its own" in err


def test_people_agree_on_how_they_work_and_it_is_said(terminal, home, imported):
    shutil.copytree(imported, home / "shared")
    code, _, err = terminal("people", "shared", "--blind", "0.3")
    assert code == 1 and "--by NAME" in err
    agreed = ["--annotators", "Kim Lee, Ann", "--split", "--double", "0.25", "--rule", "majority"]
    _, out, _ = terminal("people", "shared", *agreed, "--by", "Kim Lee")
    assert "Nobody has labelled anything yet. Annotators: Kim Lee, Ann; images split" in out
    project = Project.open("shared")
    rows = project.store.images()
    for who, some in (("Kim Lee", rows[:12]), ("Ann", rows[4:16])):
        project.labels.add({row.id: str(row.reference) for row in some}, who)
    project.close()
    _, out, _ = terminal("people", "shared")
    assert "what most say" in out
    assert "Annotators: Kim Lee, Ann; images split among annotators; 25 % labelled by 2." in out


def test_what_was_changed_behind_the_apps_back_is_said(terminal, home, imported):
    shutil.copytree(imported, home / "whole")
    with Project.open("whole") as project:
        first, second = project.store.ids()[:2]
        project.labels.add({first: "a"}, "Kim Lee")
        head = str(project.store.log_head())
        project.labels.add({second: "a"}, "Ann")
    terminal("labels", "whole")
    sound = terminal.json("verify", "whole", "--hash", head)
    assert sound["sound"] and sound["actions"] > 2 and sound["problems"] == []
    made = [entry["what"] for entry in terminal.json("journal", "whole")["journal"]]
    assert {"import", "export"} <= set(made)
    with Project.open("whole") as project, project.store._database.engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER actions_no_update")
        connection.exec_driver_sql(
            "UPDATE actions SET annotator = 'Ann' WHERE annotator = 'Kim Lee'"
        )
    code, out, _ = terminal("verify", "whole")
    assert code == 1 and "was changed" in out and "by Ann" in out
    code, _, err = terminal("verify", "whole", "--hash", "7")
    assert code == 1 and "POSITION:HASH" in err


def test_who_signs_in_and_who_may_do_what_is_kept_at_the_terminal(terminal, home, imported):
    shutil.copytree(imported, home / "shared")
    assert "There are no accounts yet" in terminal("accounts", "list")[1]
    asked = ("--administrator", "--days", "1", "--url", "https://lab.example/")
    link = terminal.json("accounts", "invite", "Ann Lee", *asked)["link"]
    assert link.startswith("https://lab.example/fewshot/invitation?token=")

    def people() -> list[tuple[str, bool, bool, bool]]:
        known = terminal.json("accounts", "list")["people"]
        return [(p["name"], p["administrator"], p["invited"], p["has_password"]) for p in known]

    assert people() == [("Ann Lee", True, True, False)]
    accounts.accept(link.rpartition("=")[2], "correct horse battery")
    assert people() == [("Ann Lee", True, False, True)]
    assert terminal("accounts", "administrator", "Ann Lee", "--no")[0] == 0
    assert people() == [("Ann Lee", False, False, True)]

    assert "has no members" in terminal("members", "shared")[1]
    given = ("--add", "Ann Lee=reader", "--add", "Kim=owner")
    members = terminal.json("members", "shared", *given)["members"]
    assert members == {"Ann Lee": "reader", "Kim": "owner"}
    code, _, err = terminal("members", "shared", "--add", "Zoe=boss")
    assert code == 1 and "Write NAME=ROLE with one of reader" in err
    code, _, err = terminal("members", "shared", "--remove", "Zoe")
    assert code == 1 and "'Zoe' is not a member of shared" in err
    assert terminal.json("members", "shared", "--remove", "Kim")["members"] == {"Ann Lee": "reader"}

    assert terminal("accounts", "remove", "Ann Lee")[0] == 0
    assert people() == []
    _, journal, _ = terminal("accounts", "journal")
    for row in csv.DictReader(journal.splitlines()):
        assert "correct horse" not in str(row) and link.rpartition("=")[2] not in str(row)
    assert journal.count("Ann Lee") >= 3
    assert terminal.json("accounts", "verify")["sound"]
