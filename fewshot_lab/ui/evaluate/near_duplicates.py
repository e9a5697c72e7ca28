"""Near-duplicates: the pairs side by side, which are joined, and from what similarity on."""

from collections.abc import Sequence

import streamlit as st

from fewshot_lab.project import NearPair, Project
from fewshot_lab.ui import pages
from fewshot_lab.ui.evaluate.parts import refit
from fewshot_lab.ui.fragments import fragment, muted, plainly
from fewshot_lab.web import api_url
from fewshot_lab.words import count, plural

PAGE = 12
COLUMNS = 3
STATES = {"joined": "Joined", "apart": "Not joined", "released": "Released"}


def show(project: Project) -> None:
    """Draw the near-duplicate pairs side by side, and the threshold."""
    st.header("Near-duplicates")
    splits = project.splits
    if project.embeddings is None:
        muted("They are found once the images are embedded.")
        return
    pairs = splits.grouping.pairs
    muted(
        "Copies of one picture (also mirrored, turned, cut or saved again) and images whose "
        "embeddings are this close (cosine, centred on the pool) stay together like a group. "
        f"Threshold {splits.grouping.threshold.sentence}"
    )
    if videos := splits.grouping.video_frames:
        plainly(
            f"{plural(sum(videos.values()), 'frame')} of {plural(len(videos), 'video')} stay "
            "together with their video; they are not listed as pairs."
        )
    counts = {state: len(pairs.of_state(state)) for state in STATES}
    if apart := counts["apart"]:
        st.html(fragment("splits", "apart", apart, splits.rule.noun))
    threshold(project)
    if not pairs:
        plainly("No two images are this close.")
        return
    shown = st.segmented_control(
        "Pairs",
        list(STATES),
        format_func=lambda state: f"{STATES[state]} {count(counts[state])}",
        default="apart" if apart else "joined",
        key="fl-near-state",
        label_visibility="collapsed",
    )
    page_of_pairs(project, pairs.of_state(shown or "joined"))


def threshold(project: Project) -> None:
    """Draw the similarity from which two images count as nearly the same."""
    splits = project.splits
    used = splits.grouping.threshold.value
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        value = st.number_input(
            "Threshold",
            min_value=0.8,
            max_value=1.0,
            value=round(used, 3),
            step=0.005,
            format="%.3f",
            width=140,
            key="fl-near-threshold",
        )
        if st.button("Use", key="fl-near-use", disabled=abs(value - used) < 5e-4):
            splits.set_threshold(float(value))
            refit(project)
        chosen = splits.chosen_threshold is not None
        if chosen and st.button("As the pool says", key="fl-near-auto"):
            splits.set_threshold(None)
            st.session_state.pop("fl-near-threshold", None)
            refit(project)


def page_of_pairs(project: Project, pairs: Sequence["NearPair"]) -> None:
    """Draw pairs in columns, a page at a time."""
    pages = max(1, -(-len(pairs) // PAGE))
    page = st.number_input("Page", 1, pages, 1, key="fl-near-page", width=120) if pages > 1 else 1
    shown = pairs[(page - 1) * PAGE : page * PAGE]
    rows = project.store.images([image for pair in shown for image in (pair.a, pair.b)])
    paths = {row.id: row.path for row in rows}
    for start in range(0, len(shown), COLUMNS):
        columns = st.columns(COLUMNS, gap="medium")
        for column, pair in zip(columns, shown[start : start + COLUMNS], strict=False):
            with column:
                st.html(side_by_side(project, pair, [paths[pair.a], paths[pair.b]]))
                join_or_release(project, pair)


def join_or_release(project: Project, pair: "NearPair") -> None:
    """Draw the button that takes two images apart, or together again."""
    splits, released = project.splits, pair.state == "released"
    if released and len(set(splits.codes([pair.a, pair.b]))) == 1:
        muted(
            f"Still together: they are of one {splits.rule.noun}, or each is joined with a third "
            "image.",
            small=True,
        )
    word = "Join again" if released else "Not the same: release"
    if st.button(word, key=f"fl-near-{pair.a}-{pair.b}", type="tertiary"):
        (splits.take_back if released else splits.release)([(pair.a, pair.b)])
        refit(project)


def side_by_side(project: Project, pair: "NearPair", paths: list[str]) -> str:
    """Return two images beside each other with their cosine, as HTML."""
    images = [
        (image, path, path.rpartition("/")[2])
        for image, path in zip((pair.a, pair.b), paths, strict=True)
    ]
    return fragment(
        "splits", "pair", images, pages.rooted(api_url(project.name)), pair.cosine, pair.copy
    )
