"""Groups and test set: what stays on one side of every split, and what is tested on."""

from typing import TYPE_CHECKING

import streamlit as st

from fewshot_lab.evaluation import GroupRule, TestRule, noun_of
from fewshot_lab.live import LiveSession
from fewshot_lab.project import Project
from fewshot_lab.ui.evaluate.audit_part import leak_line
from fewshot_lab.ui.on_error import sentences
from fewshot_lab.ui.words import count, escape, plural
from fewshot_lab.web import api_url

if TYPE_CHECKING:
    from fewshot_lab.evaluation import GroupPreview
    from fewshot_lab.project import NearPair

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
PAGE = 12
TESTS = {
    "auto": "Where the images say so (a column split = test, or a folder test)",
    "column": "A column and a value",
    "folder": "A folder",
    "none": "None",
}


def show(project: Project) -> None:
    """Draw the three parts: groups, near-duplicates, the reference test set."""
    with sentences():
        if (said := st.session_state.pop("fl-splits-said", None)) is not None:
            st.toast(said)
        checked(project)
        left, right = st.columns([1, 1], gap="large")
        with left:
            groups(project)
        with right:
            test_set(project)
            site(project)
        st.divider()
        near(project)


def checked(project: Project) -> None:
    """Draw the result of the last leak check."""
    snapshot = LiveSession.of(project).snapshot
    st.html(
        "<div class='fl-muted'>Images of one patient resemble each other. If some train and others "
        "test, every figure is too good. So groups and near-duplicates stay on one side "
        "everywhere: cross-validation, audit set, test set, suggestions, curves, the bundle.</div>"
    )
    if snapshot.cv is not None:
        st.html(leak_line(snapshot.cv.leaks))


def site(project: Project) -> None:
    """Draw which column says where an image comes from, with another choice."""
    st.header("Site")
    sites, columns = project.splits.sites, project.store.columns()
    if not columns:
        st.caption(
            "No column says site, scanner or laboratory: bring one with a manifest, and what the "
            "classifier reads is tried on sites left out."
        )
        return
    choices = ["", *columns]
    chosen = st.selectbox(
        "Site, scanner or laboratory",
        choices,
        index=choices.index(sites.column) if sites.column in choices else 0,
        format_func=lambda name: name or "Not known",
        help="Inner stages of the network also see scanner and stain. Where sites are known, the "
        "classifier reads them only if they are as good on sites that it did not learn from.",
        key="fl-site",
    )
    if chosen != sites.column:
        sites.choose(chosen)
        LiveSession.of(project).notify()
        st.rerun()


# -- groups --------------------------------------------------------------------------------------


def groups(project: Project) -> None:
    """Draw where groups come from, with a preview of any other choice."""
    st.header("Groups")
    rule = project.splits.rule
    columns = project.store.columns()
    kinds = [kind for kind in SOURCES if kind != "column" or columns or rule.kind == "column"]
    kind = st.selectbox(
        "From",
        kinds,
        index=kinds.index(rule.kind),
        format_func=SOURCES.__getitem__,
        key="fl-groups-kind",
    )
    value = ""
    if kind == "column":
        at = columns.index(rule.value) if rule.value in columns else 0
        value = st.selectbox("Column", columns, index=at, key="fl-groups-column")
    elif kind == "pattern":
        named = {pattern: name for name, pattern in PATTERNS.items()}
        names = list(PATTERNS)
        first = names.index(named.get(rule.value, OWN)) if rule.kind == "pattern" else 0
        chosen = st.selectbox("What of it", names, index=first, key="fl-groups-what")
        value = PATTERNS[chosen]
        if chosen == OWN:
            value = st.text_input(
                "Regular expression on the path",
                value=rule.value if rule.kind == "pattern" else "",
                placeholder=r"P(\d+)_",
                help="The first bracketed part is the group; all that matches, if nothing is "
                "bracketed. The path is the one relative to what was imported.",
                key="fl-groups-pattern",
            )
    guess = noun_of(value) if kind == "column" and value != rule.value else rule.noun
    at = NOUNS.index(guess) if guess in NOUNS else len(NOUNS) - 1
    noun = st.selectbox("A group is a", NOUNS, index=at, key=f"fl-groups-noun-{kind}-{value}")
    asked = GroupRule(kind, value, noun)
    if kind == "pattern" and not value:
        st.html("<div class='fl-muted'>Write an expression, and what it finds shows here.</div>")
        return
    found = project.splits.preview(asked)
    st.html(preview(found))
    changed = asked != rule
    if (
        st.button("Use these groups", type="primary", key="fl-groups-use", disabled=not changed)
        and changed
    ):
        project.splits.set_rule(asked)
        LiveSession.of(project).notify()
        st.session_state["fl-splits-said"] = f"Groups: {found.sentence}"
        st.rerun()


def preview(found: "GroupPreview") -> str:
    """Return what a rule finds as HTML: how many, examples, the largest, those without."""
    noun = found.rule.noun
    rows = "".join(
        f"<tr><td class='path'>&lrm;{escape(path)}&lrm;</td>"
        f"<td>{escape(group) if group else '<span class=fl-muted>none</span>'}</td></tr>"
        for path, group in found.examples
    )
    more = []
    if found.largest and found.groups > 1:
        largest = ", ".join(f"{escape(name)} ({count(n)})" for name, n in found.largest[:4])
        more.append(f"Largest: {largest}")
    if found.unmatched:
        some = ", ".join(escape(path) for path in found.unmatched[:2])
        more.append(f"Without one: {some}{' …' if found.without > 2 else ''}")
    warning = f"<div class='fl-alert'>{escape(found.warning)}</div>" if found.warning else ""
    return (
        f"<div><b>{escape(found.sentence)}</b></div>{warning}"
        "<table class='fl-table dense fl-paths'><thead><tr><th>path</th>"
        f"<th>{escape(noun)}</th></tr></thead><tbody>{rows}</tbody></table>"
        f"<div class='fl-small fl-muted'>{'. '.join(more)}{'.' if more else ''}</div>"
    )


# -- the test set --------------------------------------------------------------------------------


def test_set(project: Project) -> None:
    """Draw which images are the reference test set."""
    st.header("Reference test set")
    st.html(
        "<div class='fl-muted'>Images set apart when the data were made. They never train, nor are "
        "they suggested; figures on them are shown by themselves.</div>"
    )
    splits = project.splits
    rule = splits.test_rule
    kinds = list(TESTS)
    kind = st.selectbox(
        "Test images",
        kinds,
        index=kinds.index(rule.kind),
        format_func=TESTS.__getitem__,
        key="fl-test-kind",
    )
    asked = TestRule(kind)
    columns = project.store.columns()
    if kind == "column":
        if not columns:
            st.html("<div class='fl-muted'>The images have no metadata columns.</div>")
            return
        at = columns.index(rule.column) if rule.column in columns else 0
        column = st.selectbox("Column", columns, index=at, key="fl-test-column")
        values = sorted({str(v) for v in project.store.column(column).values()})
        if len(values) > 200:
            st.html("<div class='fl-muted'>This column has too many values to choose one.</div>")
            return
        at = values.index(rule.value) if rule.value in values else 0
        asked = TestRule("column", column, st.selectbox("Value", values, index=at))
    elif kind == "folder":
        asked = TestRule("folder", folder=st.text_input("Folder", value=rule.folder or "test"))
    here = splits.to_dict()["test_set"]
    if asked == rule:
        st.html(
            f"<div><b>{plural(here['images'], 'image')}</b> ({escape(here['by'])}); "
            f"{plural(here['kept_out_with_it'], 'further image')} of the same "
            f"{escape(splits.rule.noun)}s, or nearly the same, do not train either.</div>"
            if here["images"]
            else "<div>There is none now.</div>"
        )
    elif st.button("Use this test set", type="primary", key="fl-test-use"):
        n = splits.set_test_rule(asked)
        LiveSession.of(project).notify()
        st.session_state["fl-splits-said"] = f"Test set: {plural(n, 'image')}."
        st.rerun()


test_set.__test__ = False  # type: ignore[attr-defined]


# -- near-duplicates -----------------------------------------------------------------------------


def near(project: Project) -> None:
    """Draw the near-duplicate pairs side by side, and the threshold."""
    st.header("Near-duplicates")
    splits = project.splits
    if project.embeddings is None:
        st.html("<div class='fl-muted'>They are found once the images are embedded.</div>")
        return
    pairs, threshold = splits.grouping.pairs, splits.grouping.threshold
    states = [pair.state for pair in pairs]
    st.html(
        "<div class='fl-muted'>Two images whose embeddings are this close (cosine, centred on the "
        f"pool) stay together like a group. Threshold {escape(threshold.sentence)}</div>"
    )
    apart = states.count("apart")
    if apart:
        st.html(
            f"<div class='fl-note'>{plural(apart, 'pair')} of different "
            f"{escape(splits.rule.noun)}s would put more than a quarter of all images in one "
            "group, so they are not joined. Of each, an image is not counted in a figure while "
            "its twin trains. Is it one picture under two names? Then mend the groups; else "
            "release it."
            "</div>"
        )
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        value = st.number_input(
            "Threshold",
            min_value=0.8,
            max_value=1.0,
            value=round(threshold.value, 3),
            step=0.005,
            format="%.3f",
            width=140,
            key="fl-near-threshold",
        )
        if st.button("Use", key="fl-near-use", disabled=abs(value - threshold.value) < 5e-4):
            splits.set_threshold(float(value))
            LiveSession.of(project).notify()
            st.rerun()
        chosen = splits.chosen_threshold is not None
        if chosen and st.button("As the pool says", key="fl-near-auto"):
            splits.set_threshold(None)
            LiveSession.of(project).notify()
            st.session_state.pop("fl-near-threshold", None)
            st.rerun()
    if not pairs:
        st.html("<div>No two images are this close.</div>")
        return
    shown = st.segmented_control(
        "Pairs",
        ["joined", "apart", "released"],
        format_func=lambda s: (
            f"{ {'joined': 'Joined', 'apart': 'Not joined', 'released': 'Released'}[s] } "
            f"{count(states.count(s))}"
        ),
        default="apart" if apart else "joined",
        key="fl-near-state",
        label_visibility="collapsed",
    )
    some = [pair for pair in pairs if pair.state == (shown or "joined")]
    pages = max(1, -(-len(some) // PAGE))
    page = st.number_input("Page", 1, pages, 1, key="fl-near-page", width=120) if pages > 1 else 1
    rows = {row.id: row for row in project.store.images(
        [i for pair in some[(page - 1) * PAGE : page * PAGE] for i in (pair.a, pair.b)]
    )}  # fmt: skip
    for start in range((page - 1) * PAGE, min(page * PAGE, len(some)), 3):
        for column, pair in zip(st.columns(3, gap="medium"), some[start : start + 3], strict=False):
            with column:
                st.html(side_by_side(project, pair, [rows[pair.a].path, rows[pair.b].path]))
                released = pair.state == "released"
                if released and len(set(splits.codes([pair.a, pair.b]))) == 1:
                    st.html(
                        "<div class='fl-small fl-muted'>Together all the same: of one "
                        f"{escape(splits.rule.noun)}, or each joined with a third image.</div>"
                    )
                word = "Join again" if released else "Not the same: release"
                key = f"fl-near-{pair.a}-{pair.b}"
                if st.button(word, key=key, type="tertiary"):
                    (splits.take_back if released else splits.release)([(pair.a, pair.b)])
                    LiveSession.of(project).notify()
                    st.rerun()


def side_by_side(project: Project, pair: "NearPair", paths: list[str]) -> str:
    """Return two images beside each other with their cosine, as HTML."""
    base = api_url(project.name)
    pictures = "".join(
        f"<figure><img src='{base}/thumb/{image}.webp' alt='' loading='lazy'>"
        f"<figcaption title='{escape(path)}'>{escape(path.rpartition('/')[2])}</figcaption>"
        "</figure>"
        for image, path in zip((pair.a, pair.b), paths, strict=True)
    )
    return f"<div class='fl-pair'>{pictures}<span>{pair.cosine:.3f}</span></div>"
