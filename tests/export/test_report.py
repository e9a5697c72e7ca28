"""The report: everything that is known, on one page that needs nothing else."""

import copy
import html
import re
from html.parser import HTMLParser

import pytest

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.export import figures, write_report
from fewshot_lab.export.templating import environment, render
from fewshot_lab.words import share_of

pytestmark = pytest.mark.slow


class Reader(HTMLParser):
    """Checks that every element is closed, and notes what is asked of other places."""

    VOID = frozenset({"meta", "br", "line", "rect", "circle", "polyline", "polygon", "img", "link"})

    def __init__(self) -> None:
        super().__init__()
        self.open, self.asked, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        if tag not in self.VOID:
            self.open.append(tag)
        self.asked += [v for k, v in attrs if k in ("src", "href", "xlink:href", "srcset", "data")]
        assert tag not in ("script", "link", "iframe", "img")

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def report(project, classifier, tmp_path_factory):
    """Return the facts and the page of the project's report."""
    out = tmp_path_factory.mktemp("report") / "report.html"
    return write_report(project, out, classifier=classifier), out.read_text("utf-8")


def test_it_stands_alone_and_is_well_formed(report):
    _, page = report
    reader = Reader()
    reader.feed(page)
    assert reader.open == [] and reader.asked == []
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org/2000/svg)", page)


def test_it_says_what_the_figures_say(report, project, classifier):
    facts, page = report
    text = html.unescape(page.replace("&nbsp;", " "))
    measured = figures(project, classifier)
    for part in ("audit", "cross_validation"):
        found = measured[part]["balanced_accuracy"]
        assert facts["metrics"][part]["balanced_accuracy"] == found
        assert share_of(found) in text
    probabilities = facts["metrics"]["probabilities"]
    for part in ("threshold", "reliability", "sets", "unlike", "calibration"):
        assert probabilities[part]["sentence"] in text
    assert project.store.log_head().hash in page
    assert facts["about"]["data"]["leak_check"] in text
    assert "not a medical device" in page
    flow = facts["flow"]
    assert flow["trained"] == len(classifier.training.ids)
    assert flow["images"] == flow["unlabelled"] + flow["labelled"] + flow["unsure"] + flow["reject"]


def test_names_are_text_in_the_page_and_in_the_card(report):
    facts, _ = report
    facts = copy.deepcopy(facts)
    facts["about"]["classes"][0]["name"] = "<b>a|b</b> & c"
    facts["about"] |= {"parity": {"n_images": 1, "max_difference": 0.0, "recomputed": False}}
    facts["about"]["classifier"]["skops_trusted"] = []
    page = render("report.html.jinja", facts)
    assert "&lt;b&gt;a|b&lt;/b&gt; &amp; c" in page and "<b>a|b" not in page
    card = render("model_card.md.jinja", facts)
    assert "<b>a\\|b</b> & c |" in card and "&lt;" not in card and "&amp;" not in card


def test_it_names_no_file_and_no_annotator(report, project):
    _, page = report
    assert "robin" not in page and "kim" not in page
    assert not any(row.path in page for row in project.store.images())


def test_the_card_is_drawn_from_the_same_facts(report, bundle):
    facts, _ = report
    card = (bundle / "MODEL_CARD.md").read_text("utf-8")
    probabilities = facts["metrics"]["probabilities"]
    for part in ("threshold", "reliability", "sets", "unlike"):
        assert probabilities[part]["sentence"] in card
    assert facts["about"]["data"]["log_hash"] in card
    assert facts["curve"].get("sentence", facts["curve"].get("reason")) in card
    assert facts["agreement"]["rule"] in card


def test_where_it_cannot_be_written_a_sentence_says_so(project, classifier, tmp_path):
    with pytest.raises(FewshotLabError, match=r"\.html"):
        write_report(project, tmp_path / "report.pdf", classifier=classifier)
    with pytest.raises(FewshotLabError, match="does not exist"):
        write_report(project, tmp_path / "none" / "report.html", classifier=classifier)


def test_the_columns_of_many_classes_are_numbered():
    """Names on end would need more room than a printed page has."""
    tables = environment(html=True).get_template("tables.html.jinja").module
    for size in (12, 13):
        names = [f"class {k}" for k in range(size)]
        counts = [[int(i == j) for j in range(size)] for i in range(size)]
        page = tables.confusion({"classes": names, "counts": counts})
        heads = re.findall("<th class=col>([^<]*)</th>", page)
        assert heads == (names if size == 12 else [str(k + 1) for k in range(size)])
        rows = re.findall("<th class=row>([^<]*)</th>", page)
        assert rows == (names if size == 12 else [f"{n} · {k + 1}" for k, n in enumerate(names)])


def test_a_share_of_nothing_for_the_audit_is_told_as_nothing(project, classifier, tmp_path):
    project.store.set("audit_share", 0)
    try:
        facts = write_report(project, tmp_path / "report.html", classifier=classifier)
    finally:
        project.store.set("audit_share", None)
    assert facts["strategy"]["audit_share"] == 0
