"""The reference test set: which images are set apart to test on."""

import streamlit as st

from fewshot_lab.evaluation import TestRule
from fewshot_lab.project import Project
from fewshot_lab.ui.choices import select
from fewshot_lab.ui.evaluate.parts import refit
from fewshot_lab.ui.fragments import fragment, muted
from fewshot_lab.words import plural

TESTS = {
    "auto": "Where the images say so (a column split = test, or a folder test)",
    "column": "A column and a value",
    "folder": "A folder",
    "none": "None",
}
MOST_VALUES = 200


def show(project: Project) -> None:
    """Draw which images are the reference test set, with another choice."""
    st.header("Reference test set")
    muted(
        "Images set apart when the data were made. They never train and are never suggested; "
        "their figures are shown separately."
    )
    splits = project.splits
    asked = choose(project)
    if asked is None:
        return
    if asked == splits.test_rule:
        st.html(fragment("splits", "test_set", splits.to_dict()["test_set"], splits.rule.noun))
    elif st.button("Use this test set", type="primary", key="fl-test-use"):
        n = splits.set_test_rule(asked)
        refit(project, f"Test set: {plural(n, 'image')}.")


def choose(project: Project) -> TestRule | None:
    """Draw the fields; return the rule that they ask for, None where none can be chosen."""
    rule, columns = project.splits.test_rule, project.store.columns()
    kind = select("Test images", TESTS, rule.kind, key="fl-test-kind")
    if kind == "folder":
        return TestRule("folder", folder=st.text_input("Folder", value=rule.folder or "test"))
    if kind != "column":
        return TestRule(kind)
    if not columns:
        muted("The images have no metadata columns.")
        return None
    at = columns.index(rule.column) if rule.column in columns else 0
    column = st.selectbox("Column", columns, index=at, key="fl-test-column")
    values = sorted({str(v) for v in project.store.column(column).values()})
    if len(values) > MOST_VALUES:
        muted("This column has too many values to choose one.")
        return None
    at = values.index(rule.value) if rule.value in values else 0
    return TestRule("column", column, st.selectbox("Value", values, index=at))
