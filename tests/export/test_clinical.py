"""Patients, grades and costs: the same in app, report, card and bundle."""

import csv
import html
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from fewshot_lab.cli.main import run
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.evaluation import GroupRule
from fewshot_lab.export import Bundle, export_bundle, group_finder, predict_folder, write_report
from fewshot_lab.export.parity import loaded_script
from fewshot_lab.images import ManifestColumns
from fewshot_lab.project import (
    ErrorCost,
    Project,
    cost_words,
    patient_figures,
    set_confounders,
    set_error_costs,
    set_grades,
)
from fewshot_lab.words import percent, share_of

pytestmark = pytest.mark.slow
SLIDE = r"(slide\d+)_"


@pytest.fixture(scope="module")
def slides(project, cells, tmp_path_factory):
    """Return a copy of the project whose groups are slides, with grades and a costly error."""
    folder = tmp_path_factory.mktemp("clinical") / "slides"
    shutil.copytree(project.folder, folder)
    opened = Project.open(folder)
    opened.splits.set_rule(GroupRule("pattern", SLIDE, "slide"))
    manifest = folder.parent / "sites.csv"
    lines = [f"{p},{'AB'[int(p.stem[5:7]) % 2]}" for p in sorted(cells.rglob("*.png"))]
    manifest.write_text("\n".join(["file,site", *lines]))
    opened.import_images(manifest, columns=ManifestColumns("file", metadata=("site",)))
    set_confounders(opened, ["site"])
    audit = opened.store.audit_ids()
    known = {r.id: r.reference for r in opened.store.images() if r.id not in audit}
    opened.labels.add(known, annotator="kim")
    rows = opened.store.classes()
    set_grades(opened, [row.name for row in rows])
    set_error_costs(opened, [ErrorCost(rows[0].id, rows[1].id, 20.0)])
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def exported(slides, tmp_path_factory):
    """Return classifier, bundle and report of that project."""
    classifier = slides.fit()
    folder = tmp_path_factory.mktemp("clinical-bundle")
    export_bundle(slides, folder / "bundle", classifier=classifier)
    facts = write_report(slides, folder / "report.html", classifier=classifier)
    return classifier, folder / "bundle", facts, (folder / "report.html").read_text("utf-8")


@pytest.fixture(scope="module")
def some_slides(cells, tmp_path_factory):
    """Return a folder of all cells of some slides."""
    folder = tmp_path_factory.mktemp("some-slides")
    for file in cells.rglob("*.png"):
        if int(file.stem[5:7]) <= 8:
            (folder / file.parent.name).mkdir(exist_ok=True)
            (folder / file.parent.name / file.name).symlink_to(file)
    return folder


def rows_of(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_one_computation_for_page_report_card_and_bundle(slides, exported):
    classifier, bundle, facts, page = exported
    shown = patient_figures(slides, classifier.fitted, classifier.training.ids)
    metrics = json.loads((bundle / "metrics.json").read_text("utf-8"))
    decision = json.loads((bundle / "decision.json").read_text("utf-8"))
    card = (bundle / "MODEL_CARD.md").read_text("utf-8")
    report = html.unescape(page.replace("&nbsp;", " "))
    for part in ("patients", "grades", "costs"):
        assert metrics[part] == json.loads(json.dumps(facts["metrics"][part]))
    assert metrics["patients"] == json.loads(json.dumps(shown.to_dict()))
    assert decision["groups"]["rule"] == shown.comparison.chosen.rule
    for sentence in (shown.sentence, shown.truth, metrics["grades"]["sentence"]):
        assert sentence in card and sentence in report
    rows = slides.store.classes()
    words = cost_words(rows[0].name, rows[1].name, 20.0)
    assert words in card and words in report
    assert sorted(np.unique(decision["costs"])) == [0, 1, 20]


def test_terminal_report_and_card_have_the_numbers_of_the_bundle(slides, exported, capsys):
    _, bundle, facts, page = exported
    metrics = json.loads((bundle / "metrics.json").read_text("utf-8"))
    where = ["--home", str(slides.folder.parent), "--json"]
    for verb in ("patients", "grades", "costs", "confounders"):
        assert run(["evaluate", verb, slides.name, *where]) == 0
        shown = json.loads(capsys.readouterr().out)
        del shown["project"]
        shown = shown[verb] if verb == "confounders" else shown
        assert shown == metrics[verb] == json.loads(json.dumps(facts["metrics"][verb]))
    card = (bundle / "MODEL_CARD.md").read_text("utf-8")
    report = html.unescape(page.replace("&nbsp;", " "))
    (site,) = metrics["confounders"]
    by_class = metrics["patients"]["recall"].values()
    levels = [level["observed"] for level in metrics["grades"]["at_least"]]
    rates = [metrics["costs"]["accuracy"], metrics["costs"]["accuracy_without"]]
    for found in (*filter(lambda each: each["n"], by_class), *levels, *rates):
        limits = "{:.1f} to {:.1f}".format(100 * found["low"], 100 * found["high"])
        assert f"{percent(found['value'], 1)} (95 % interval {limits})" in card
        assert share_of(found) in report
    assert len(site["values"]) == 2
    hits = sum(each["accuracy"]["value"] * each["images"] for each in site["values"])
    seen = metrics["costs"]["accuracy"]
    if seen["n"] == site["images"]:  # judged on the same images, by the same decisions
        assert hits / site["images"] == pytest.approx(seen["value"])
    for found in (each["accuracy"] for each in site["values"]):
        assert share_of(found) in card and share_of(found) in report


@pytest.mark.parametrize("by_column", [False, True])
def test_app_and_script_answer_alike_for_each_slide(exported, some_slides, tmp_path, by_column):
    (_, bundle, _, _), cells = exported, some_slides
    manifest = tmp_path / "slides.csv"
    paths = sorted(p.relative_to(cells).as_posix() for p in cells.rglob("*.png"))
    lines = [f"{path};{path.split('/')[1].split('_')[0]}" for path in paths]
    manifest.write_text("\n".join(["file;slide", *lines]))
    asked = ["--group-pattern", SLIDE]
    find = group_finder(SLIDE)
    if by_column:
        asked = ["--group-column", "slide", "--manifest", str(manifest)]
        find = group_finder(None, "slide", manifest)
    with Bundle.open(bundle) as opened:
        done = predict_folder(opened, cells, tmp_path / "app.csv", find=find)
        decision, names = opened.decision, opened.names
    command = [sys.executable, bundle / "predict.py", cells, "--out", tmp_path / "script.csv"]
    said = subprocess.run([*command, *asked], capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    for name in ("app", "script"):
        assert (tmp_path / f"{name}.groups.csv").is_file()
    assert done.groups_out == tmp_path / "app.groups.csv"
    assert (tmp_path / "app.csv").read_text() == (tmp_path / "script.csv").read_text()
    table = (tmp_path / "app.groups.csv").read_text()
    assert table == (tmp_path / "script.groups.csv").read_text()
    images, answers = rows_of(tmp_path / "app.csv"), rows_of(tmp_path / "app.groups.csv")
    assert sum(int(row["images"]) for row in answers) == len(images) == len(paths)
    for row in answers:
        mine = [each for each in images if f"/{row['slide']}_" in each["path"]]
        p = np.array([[float(each[f"p_{name}"]) for name in names] for each in mine])
        best, scores = decision.groups.answer(p, decision.costs)
        assert row["predicted"] == names[best] and row["rule"] == decision.groups.rule
        assert [float(row[f"score_{n}"]) for n in names] == pytest.approx(list(scores), abs=1e-5)
        assert int(row["referred"]) == sum(each["decision"] == "referred" for each in mine)


def test_the_bundle_decides_by_cost_as_the_app_does(slides, exported):
    classifier, bundle, _, _ = exported
    ids = list(slides.require_embeddings().ids)[:40]
    p = classifier.probabilities(ids)
    from fewshot_lab.evaluation import choose
    from fewshot_lab.project import costs_of

    ours = classifier.fitted.class_ids[choose(p, costs_of(slides, classifier.fitted.class_ids))]
    with loaded_script(bundle) as module:
        script = module.Classifier(bundle)
        order = [list(classifier.fitted.class_ids).index(row["id"]) for row in script.classes]
        theirs = [script.names[k] for k in module.choose(p[:, order], script.decision.costs)]
    names = {row.id: row.name for row in slides.store.classes()}
    assert theirs == [names[int(i)] for i in ours]


def test_a_bundle_without_groups_answers_by_the_mean_and_says_so(bundle, some_slides, tmp_path):
    with Bundle.open(bundle) as opened:
        done = predict_folder(opened, some_slides, tmp_path / "out.csv", find=group_finder(SLIDE))
    assert "no rule for them" in done.groups
    assert {row["rule"] for row in rows_of(tmp_path / "out.groups.csv")} == {"log_odds"}


@pytest.mark.parametrize(
    "options, sentence",
    [
        (["--group-pattern", "("], "cannot be read"),
        (["--group-pattern", "a", "--group-column", "b"], "Give one of"),
        (["--group-column", "slide"], "needs --manifest"),
        (["--group-column", "slide", "--manifest", "gone.csv"], "gone.csv cannot be read"),
        (["--group-pattern", "nobody"], "No picture was matched to a"),
        (["--group-pattern", "a", "--groups-out", "nowhere/g.csv"], "nowhere does not exist"),
        (["--group-pattern", "a", "--groups-out", "."], ". is a folder"),
        (["--group-pattern", "a", "--groups-out", "out.csv"], "is the table of pictures"),
    ],
)
def test_bad_input_gets_a_sentence(bundle, cells, tmp_path, monkeypatch, capsys, options, sentence):
    monkeypatch.chdir(tmp_path)
    assert run(["predict", str(bundle), str(cells), "--out", "out.csv", *options]) == 1
    assert sentence in capsys.readouterr().err


def test_a_manifest_without_the_column_names_those_there_are(tmp_path):
    manifest = tmp_path / "m.csv"
    manifest.write_text("path,patient\na.png,1\n")
    with pytest.raises(FewshotLabError, match="no column slide; there are: path, patient"):
        group_finder(None, "slide", manifest)
    assert group_finder(None, "patient", manifest)("a.png#2") == "1"
