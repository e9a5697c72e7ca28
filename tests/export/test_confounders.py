"""Suspected confounders in the report and on the card: what the page says, word for word."""

import html

import pytest

from fewshot_lab.evaluation import unmeasured
from fewshot_lab.export import write_report
from fewshot_lab.export.templating import render

pytestmark = pytest.mark.slow


def interval(value):
    return {"value": value, "low": value - 0.05, "high": value + 0.04, "n": 60}


REPORT = {
    "column": "scanner",
    "named": ["telling"],
    "sentence": "The images show their scanner.",
    "findings": ["A probe tells the scanner in 91 % (86–95)."],
    "warnings": ["malignant comes from scanner <B> alone."],
    "notes": ["3 labelled images do not say their scanner: left out."],
    "images": 120,
    "missing": 3,
    "classes": ["benign", "malignant"],
    "values": [
        {
            "value": "<B>",
            "images": 60,
            "groups": 20,
            "by_class": [31, 29],
            "accuracy": interval(0.81),
            "difference": interval(-0.12),
            "calibration_error": interval(0.06),
            "lean": 0.07,
            "left_out": {
                "without": interval(0.66),
                "among": interval(0.79),
                "gain": interval(-0.13),
            },
        },
        {"value": "C", "images": 3, "groups": 1, "by_class": [3, 0], "reason": "too few to say"},
    ],
    "telling": {
        "balanced_accuracy": interval(0.91),
        "chance": 0.5,
        "p": 0.001,
        "sentence": "A probe tells the scanner in 91 % (86–95).",
    },
    "robustness": interval(0.72) | {"neighbours": 11, "support": 1.0, "sentence": "72 % share it."},
}


@pytest.fixture(scope="module")
def facts(project, classifier, tmp_path_factory):
    """Return the facts of a project that names no confounder."""
    out = tmp_path_factory.mktemp("report") / "report.html"
    facts = write_report(project, out, classifier=classifier)
    facts["about"] |= {"parity": {"n_images": 1, "max_difference": 0.0, "recomputed": False}}
    facts["about"]["classifier"]["skops_trusted"] = []
    return facts


def with_confounders(facts, *reports):
    return {**facts, "metrics": {**facts["metrics"], "confounders": list(reports)}}


def test_without_a_suspect_nothing_is_said_but_that_nothing_was_measured(facts):
    assert facts["metrics"]["confounders"] == []
    for template in ("report.html.jinja", "model_card.md.jinja"):
        page = render(template, facts)
        assert "disease or the site" not in page
        assert "Subgroups (age, sex, skin tone, site) were not measured." in page


def test_report_and_card_say_what_was_found(facts):
    page = html.unescape(render("report.html.jinja", with_confounders(facts, REPORT)))
    card = render("model_card.md.jinja", with_confounders(facts, REPORT))
    for text in (page.replace("\u00a0", " "), card):
        assert "Is it the disease or the site?" in text
        for key in ("findings", "warnings", "notes"):
            assert REPORT[key][0] in text
        assert "scanner: The images show their scanner." in text
        assert text.count("A probe tells the scanner") == 1
        assert "72 % share it." in text
        for figure in ("91 % (86–95)", "81 % (76–85)", "66 % (61–70)"):
            assert figure in text
        assert "−0.13 (−0.18 to −0.09)" in text
        assert "too few to say" in text
        assert "Subgroups were measured by scanner alone." in text
    assert "scanner &lt;B&gt; alone" in render("report.html.jinja", with_confounders(facts, REPORT))


def test_a_card_has_whole_tables(facts):
    card = render("model_card.md.jinja", with_confounders(facts, REPORT))
    head = card.index("| scanner |")
    rows = card[head:].split("\n\n")[0].splitlines()
    assert len(rows) == 4
    assert len({row.replace("\\|", "").count("|") for row in rows}) == 1


def test_a_column_that_cannot_be_read_any_more_is_told(facts):
    column = unmeasured("site", "The column 'site' has 90 different values.")
    for template in ("report.html.jinja", "model_card.md.jinja"):
        page = html.unescape(render(template, with_confounders(facts, column)))
        assert "The column 'site' has 90 different values." in page
