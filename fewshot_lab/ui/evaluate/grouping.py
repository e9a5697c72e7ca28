"""Groups: where they come from, with a preview of any other choice."""

import streamlit as st

from fewshot_lab.evaluation import GroupPreview, GroupRule, noun_of
from fewshot_lab.project import Project
from fewshot_lab.ui.choices import select
from fewshot_lab.ui.evaluate.parts import refit
from fewshot_lab.ui.fragments import fragment, muted

NOUNS = ["patient", "slide", "video", "case", "group"]
SOURCES = {
    "import": "As imported (manifest column or DICOM field)",
    "column": "A metadata column",
    "pattern": "The file's name or folder",
    "none": "No groups",
}
# What people mean most often, as expressions on the path.
PATTERNS = {
    "Its folder": r"([^/]+)/[^/]+$",
    "Name up to the first _": r"([^/_]+)_[^/]*$",
    "Name up to the last _": r"([^/]+)_[^/_]*$",
    "First number in the name": r"(\d+)[^/]*$",
    "An expression of your own": "",
}
OWN = "An expression of your own"


def show(project: Project) -> None:
    """Draw the rule in use, and what any other one would find."""
    st.header("Groups")
    rule = project.splits.rule
    chosen = choose(rule, project.store.columns())
    if chosen.kind == "pattern" and not chosen.value:
        muted("Write an expression to see here what it finds.")
        return
    groups = project.splits.preview(chosen)
    st.html(preview(groups))
    if st.button("Use these groups", type="primary", key="fl-groups-use", disabled=chosen == rule):
        project.splits.set_rule(chosen)
        refit(project, f"Groups: {groups.sentence}")


def choose(rule: GroupRule, columns: list[str]) -> GroupRule:
    """Draw the fields; return the rule that they ask for."""
    kinds = dict(SOURCES)
    if not columns and rule.kind != "column":
        del kinds["column"]
    kind = select("From", kinds, rule.kind, key="fl-groups-kind")
    value = ""
    if kind == "column":
        at = columns.index(rule.value) if rule.value in columns else 0
        value = st.selectbox("Column", columns, index=at, key="fl-groups-column")
    elif kind == "pattern":
        value = _pattern(rule.value if rule.kind == "pattern" else None)
    guess = noun_of(value) if kind == "column" and value != rule.value else rule.noun
    at = NOUNS.index(guess) if guess in NOUNS else len(NOUNS) - 1
    noun = st.selectbox("A group is a", NOUNS, index=at, key=f"fl-groups-noun-{kind}-{value}")
    return GroupRule(kind, value, noun)


def _pattern(used: str | None) -> str:
    names = {pattern: name for name, pattern in PATTERNS.items()}
    first = 0 if used is None else list(PATTERNS).index(names.get(used, OWN))
    chosen = st.selectbox("What of it", list(PATTERNS), index=first, key="fl-groups-what")
    if chosen != OWN:
        return PATTERNS[chosen]
    return st.text_input(
        "Regular expression on the path",
        value=used or "",
        placeholder=r"P(\d+)_",
        help="The first bracketed part is the group, or the whole match if nothing is bracketed. "
        "Paths are relative to what was imported.",
        key="fl-groups-pattern",
    )


def preview(groups: "GroupPreview") -> str:
    """Return what a rule finds as HTML: how many, examples, the largest, those without."""
    return fragment("splits", "preview", groups)
