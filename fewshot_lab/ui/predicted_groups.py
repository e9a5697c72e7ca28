"""One answer for each patient on the predict page, where paths tell who is who."""

from collections.abc import Callable

import streamlit as st

from fewshot_lab.cells import csv_bytes
from fewshot_lab.export import GroupTally, StoredPredictions, group_finder
from fewshot_lab.ui.evaluate.grouping import OWN, PATTERNS
from fewshot_lab.ui.fragments import fragment, muted
from fewshot_lab.ui.on_error import sentences
from fewshot_lab.ui.written_file import download_csv
from fewshot_lab.words import plural

NONE = "No answer for each"
SHOWN = 50


def show(predictions: StoredPredictions) -> None:
    """Ask what tells the patients, and draw one row for each."""
    rule = predictions.decision().groups
    noun = "patient" if rule is None else rule.noun
    find = choose(noun)
    if find is None:
        return
    tally = tallied(predictions, find)
    rows = tally.rows()
    if not rows:
        muted(f"This finds no {noun} in any path.")
        return
    with st.container(
        horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"
    ):
        how = f"{plural(len(rows), noun)}, by the rule of the bundle: its card says how good it is."
        if not tally.measured:
            how = (
                f"{plural(len(rows), noun)}, by the mean of the images' log-odds: the bundle has "
                "no rule for them, so nobody measured how good this is."
            )
        muted(how)
        download_csv(csv_bytes(tally.header(), rows), "predictions.groups.csv")
    shown = [dict(zip(tally.header(), row, strict=True)) for row in rows[:SHOWN]]
    st.html(fragment("clinical", "predicted", shown, noun, predictions.colours))
    if len(rows) > SHOWN:
        muted(f"and {len(rows) - SHOWN:,} more in the CSV.", small=True)


def choose(noun: str) -> Callable[[str], str | None] | None:
    """Draw what tells the patients; return what finds them in a path, None for nothing."""
    chosen = st.selectbox(
        f"One answer for each {noun}: told by",
        [NONE, *PATTERNS],
        key="fl-predict-groups",
        format_func=lambda name: "nothing" if name == NONE else name[0].lower() + name[1:],
    )
    if chosen == NONE:
        return None
    pattern = PATTERNS[chosen]
    if chosen == OWN:
        pattern = st.text_input(
            "Regular expression on the path",
            placeholder=r"P(\d+)_",
            help="The first bracketed part is the group, or all that matches.",
            key="fl-predict-pattern",
        )
        if not pattern:
            return None
    with sentences():
        return group_finder(pattern)
    return None


def tallied(predictions: StoredPredictions, find: Callable[[str], str | None]) -> GroupTally:
    """Return the stored answers by patient."""
    tally = GroupTally(find, predictions.names, predictions.decision())
    for one in predictions.answers:
        tally.add(one.path, predictions.probabilities(one), one.decided, one.unlike)
    for path, _ in predictions.refused:
        tally.add(path, None)
    return tally
