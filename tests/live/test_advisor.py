"""What the next labels are worth: beside the refits, at the terminal, on the page."""

import json
import threading
import time

import numpy as np
import pytest

from fewshot_lab.cli import main as terminal
from fewshot_lab.embeddings.shards import write_shard
from fewshot_lab.evaluation import ReplayPlan
from fewshot_lab.live import LiveSession
from fewshot_lab.live import advisor as module
from fewshot_lab.live.advisor import Advisor
from fewshot_lab.project import Project, newest, set_strategy, strategy_of, unlike_images
from fewshot_lab.project.probabilities import keep_settings
from fewshot_lab.store import LabelAction, NewImage

N, D = 240, 16
NAMES = ("monocyte", "lymphocyte", "basophil")


@pytest.fixture
def project(home):
    """A project with embedded images and reference labels, 90 of them labelled by hand."""
    random = np.random.default_rng(0)
    truth = random.integers(0, 3, N)
    X = (np.random.default_rng(5).normal(size=(3, D))[truth] + random.normal(size=(N, D))).astype(
        np.float16
    )
    made = Project.create("cells", home=home)
    made.store.add_images(
        [
            NewImage(
                id=f"{i:020x}", path=f"{i}.png", file=f"{i}.png", frame=0, width=8, height=8,
                bytes=1, mtime_ns=1, reference=NAMES[truth[i]], source=f"{i}.png", source_frame=0,
            )
            for i in range(N)
        ]
    )  # fmt: skip
    fingerprint = made.backbone.fingerprint
    write_shard(
        made.folder / "embeddings" / fingerprint,
        [f"{i:020x}" for i in range(N)],
        X,
        [],
        fingerprint=fingerprint,
        dtype="float32",
    )
    made.store.set("audit_share", 0.0)
    classes = {name: made.store.add_class(name, annotator="kim") for name in NAMES}
    made.truth = truth
    made.give = lambda rows: [
        made.store.record(
            LabelAction(
                client="test", q=int(row), annotator="kim", kind="class",
                class_id=classes[NAMES[truth[row]]], image_ids=[f"{row:020x}"],
                view="suggestion", spent_ms=3000,
            )
        )
        for row in rows
    ]  # fmt: skip
    made.give(range(90))
    yield made
    made.close()


def wait_for(what, timeout=120):
    end = time.monotonic() + timeout
    while not (found := what()):
        assert time.monotonic() < end
        time.sleep(0.02)
    return found


@pytest.fixture
def hasty(monkeypatch):
    monkeypatch.setattr(module, "QUIET", 0.05)
    monkeypatch.setattr(module, "REPLAY_FROM", 100)
    monkeypatch.setattr(module, "REPLAY", ReplayPlan(("mixed", "cover"), draws=2, budget=24))


@pytest.mark.slow
def test_the_session_measures_the_curve_by_itself(project, hasty):
    session = LiveSession.of(project)
    try:
        session.notify()
        told = wait_for(lambda: session.advisor.as_json)
        assert told["position"] == project.store.position()
        assert told["next"]["labels"] == 50 and told["next"]["trains"] == 50
        assert told["next"]["minutes"]["value"] == pytest.approx(2.5)
        assert {c["name"] for c in told["classes"]} == set(NAMES)
        assert newest(project, "replay") is None  # 90 labels are too few
        project.give(range(90, 120))
        session.notify()
        found = wait_for(lambda: newest(project, "replay"))
        # It begins at a hundred labels: the last of them may come while it runs.
        assert found["background"] and 100 <= found["images"] <= 120
        assert strategy_of(project)["sentence"].startswith("Suggestions by")
    finally:
        session.close()


def test_backbones_are_compared_behind_the_labels(project, hasty, monkeypatch):
    began = []
    monkeypatch.setenv("FEWSHOT_LAB_COMPARE", "1")
    monkeypatch.setattr(module.jobs, "start", lambda *args: began.append(args))
    session = LiveSession.of(project)
    try:
        session.notify()
        wait_for(lambda: began)
        assert began == [(project.folder, "compare-backbones", ["--behind"])]
    finally:
        session.close()


def test_suggestions_follow_the_strategy(project):
    session = LiveSession.of(project)
    try:
        session.notify()
        for name, kinds in (("random", {"random"}), ("cover", {"cover"})):
            set_strategy(project, name)
            session.notify()

            def used(kinds=kinds):
                return {s.strategy for s in session.snapshot.suggestions} == kinds

            wait_for(used)
    finally:
        session.close()


def test_a_refit_goes_first(monkeypatch):
    """While the session is busy not one fit is made for the curve."""
    busy, fits = threading.Event(), []

    def measure(project, fitted, *, check):
        for _ in range(1000):
            check()
            fits.append(time.monotonic())
            time.sleep(0.001)
        raise RuntimeError("measured; what follows is not of interest here")

    monkeypatch.setattr(module, "advise", measure)
    monkeypatch.setattr(module, "QUIET", 0.0)
    monkeypatch.setattr(module.log, "exception", lambda *a: None)

    class Anything:
        name, parameters = "lda", {}
        folder = type("F", (), {"name": "x"})

    advisor = Advisor(Anything, busy.is_set)
    assert not advisor.behind
    advisor.take(Anything, "images")
    assert advisor.behind
    wait_for(lambda: len(fits) > 5)
    assert advisor.behind
    busy.set()
    time.sleep(0.05)
    before = len(fits)
    time.sleep(0.2)
    assert len(fits) == before
    busy.clear()
    wait_for(lambda: len(fits) > before)
    wait_for(lambda: not advisor.behind)
    advisor.close()


def say(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        terminal(list(arguments))
    out, err = capsys.readouterr()
    return ended.value.code, out, err


@pytest.mark.slow
def test_curve_nshot_and_replay_at_the_terminal(project, tmp_path, capsys):
    code, out, _ = say(capsys, "evaluate", "curve", "cells", "--json")
    advice = json.loads(out)
    gain = advice["next"]["gain"]
    assert code == 0 and gain["low"] <= gain["value"] <= gain["high"]
    flat = gain["value"] < 0.005 and gain["high"] < 0.015
    begins = "Little gain expected" if flat else "The next 50 labels are worth"
    assert advice["sentence"].startswith(begins)
    code, out, _ = say(capsys, "evaluate", "curve", "cells")
    assert code == 0 and out.rstrip().endswith(advice["sentence"])

    split = tmp_path / "split.csv"
    lines = [f"{i}.png,{'test' if i % 3 == 0 else 'train'}" for i in range(N)]
    split.write_text("path,split\n" + "\n".join([*lines, "gone.png,test"]))
    answer = tmp_path / "n.json"
    code, out, err = say(
        capsys, "evaluate", "nshot", "cells", "--shots", "2,5", "--draws", "2",
        "--split-csv", str(split), "--out", str(answer), "--classifier", "default",
        "--classifier", "paper-knn",
    )  # fmt: skip
    assert code == 0, err
    found = json.loads(answer.read_text())
    assert found["split"] == (
        "split.csv: 160 to draw from, 80 to test, 1 of its paths are not in the project"
    )
    assert {(r["classifier"], r["shots"]) for r in found["results"]} == {
        (c, n) for c in ("default", "paper-knn") for n in (2, 5)
    }
    for row in found["results"]:
        assert row["interval"][0] <= row["balanced_accuracy"] <= row["interval"][1]
        for other in ("macro_f1", "auroc", "ece"):
            assert row[other]["low"] <= row[other]["value"] <= row[other]["high"]
    assert newest(project, "nshot")["results"] == found["results"]

    code, out, _ = say(
        capsys, "evaluate", "replay", "cells", "--draws", "2", "--budget", "16", "--json"
    )
    assert code == 0 and json.loads(out)["verdict"]["sentence"]
    code, out, _ = say(capsys, "evaluate", "strategy", "cells", "margin")
    assert "doubt alone, as chosen by hand. (Setting: margin.)" in out
    code, _, err = say(capsys, "evaluate", "strategy", "cells", "best")
    assert code == 1 and "is not a strategy" in err
    code, _, err = say(capsys, "evaluate", "backbones", "cells", "--backbone", "one")
    assert code == 1 and "two backbones" in err


def test_a_project_s_test_set_is_tested_on_and_groups_stay_apart(project):
    from fewshot_lab.evaluation import Protocol
    from fewshot_lab.project.few_shot_study import _split

    ids = project.store.ids()
    groups = np.array([f"p{i // 4}" for i in range(N)], dtype=object)
    file = project.folder / "split.csv"
    rows = [f"{i}.png,{'test' if i >= 158 else 'train'}" for i in range(N)]
    file.write_text("path,split\n" + "\n".join(rows))
    split, _ = _split(project, ids, groups, file)
    assert not set(groups[split.rest]) & set(groups[split.test])
    assert "2 images to draw from were left out" in split.sentence
    assert split.sentence.endswith("are tested (p39).")
    found = project.studies.few_shot(protocol=Protocol((2,), 1, classifiers=("lda",)))
    assert found["split"] == "a third of each class, drawn by chance"


def test_of_many_images_those_unlike_all_labelled_ones_are_flagged_too(project, monkeypatch):
    """By a cutoff that a part of them teaches, and resting between the parts."""
    keep_settings(project, {"unlike_share": 0.4})
    by_all = unlike_images(project)
    monkeypatch.setattr("fewshot_lab.project.probabilities.SAMPLE", 75)
    flagged: list[frozenset[str]] = []
    advisor = Advisor(project, lambda: False, flagged.append)
    monkeypatch.setattr(module, "LARGE", N - 1)
    advisor._flag()
    assert not flagged  # the curve comes first
    advisor._flag_many()
    assert flagged[0] <= by_all or by_all <= flagged[0]
    assert 0.5 < len(flagged[0]) / len(by_all) < 2
    advisor.close()
    with pytest.raises(module._Closed):  # nobody waits for a million of them
        advisor._flag_many()
