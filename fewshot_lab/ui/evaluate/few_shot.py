"""The paper's protocol on data with reference labels: start it, watch it, look at its curves."""

import itertools
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from fewshot_lab import jobs
from fewshot_lab.evaluation import CLASSIFIERS, SHOTS
from fewshot_lab.project import Project
from fewshot_lab.ui import curve_charts
from fewshot_lab.ui.evaluate.parts import backbone_titles, kinds_of_labels, results_and_job, too_few
from fewshot_lab.ui.words import count, escape, plural, signed

VERB = "evaluate-nshot"
TITLES = {
    "paper-svm": "SVM (Nielsen et al.)",
    "paper-knn": "kNN (Nielsen et al.)",
    "paper-logreg": "LogReg (Nielsen et al.)",
    "default": "the app's choice",
    "stack": "LDA + LogReg",
    "lda": "LDA",
    "logreg": "LogReg",
    "rbf-svm": "RBF-SVM",
}
METRICS = {
    "balanced_accuracy": "Balanced accuracy",
    "macro_f1": "Macro-F1",
    "auroc": "AUROC",
    "ece": "Calibration error (ECE)",
}
REFERENCES = {
    "": "told by the classes",
    "none": "none of them",
    "bone-marrow": "bone marrow",
    "endoscopy": "endoscopy",
    "dermoscopy": "dermoscopy",
}


def show(project: Project) -> None:
    """Draw the newest curve, the job at work, and the form for a new one."""
    kinds = kinds_of_labels(project)
    if not kinds:
        too_few("A few-shot curve needs two classes with reference labels, or labels of your own.")
        return
    there, busy = results_and_job(project, VERB, "nshot", partial(draw, project))
    if busy:
        return
    if not there:
        st.html(
            '<div class="fl-muted">Labels are drawn at random per class, classifiers trained on '
            "them, and tested on images that are never drawn: the protocol of Nielsen et al. 2023."
            "</div>"
        )
    with st.expander("A new curve", expanded=not there):
        form(project, kinds)


def form(project: Project, kinds: dict[str, str]) -> None:
    """Draw what can be chosen, and the button that starts."""
    titles = backbone_titles(project)
    left, right = st.columns(2, gap="large")
    with left:
        shots = st.multiselect(
            "Labels per class", SHOTS, default=[5, 10, 25, 50, 100], key="fl-nshot-shots"
        )
        draws = st.number_input(
            "Draws",
            0,
            200,
            10,
            key="fl-nshot-draws",
            help="0 for the paper's: 50 up to 10 labels per class, 20 up to 100, 5 above.",
        )
        least = st.number_input(
            "Leave out classes with fewer images than", 0, 100_000, 0, key="fl-nshot-least"
        )
        labels = st.radio(
            "Labels",
            list(kinds),
            format_func=kinds.__getitem__,
            horizontal=True,
            key="fl-nshot-labels",
        )
    with right:
        chosen = st.multiselect(
            "Backbones",
            list(titles),
            default=[project.backbone_name] if project.backbone_name in titles else None,
            format_func=titles.__getitem__,
            key="fl-nshot-backbones",
        )
        classifiers = st.multiselect(
            "Classifiers",
            list(TITLES),
            default=list(CLASSIFIERS),
            format_func=lambda name: TITLES[name].replace("Nielsen et al.", "paper"),
            key="fl-nshot-classifiers",
        )
        reference = st.selectbox(
            "Data set of the paper",
            list(REFERENCES),
            format_func=REFERENCES.__getitem__,
            key="fl-nshot-reference",
        )
        dropped = st.file_uploader(
            "Split list (CSV with the columns path, split)",
            type="csv",
            max_upload_size=50,
            key="fl-nshot-split",
        )
    ready = bool(shots and chosen and classifiers)
    if st.button("Measure", type="primary", disabled=not ready, key="fl-nshot-start"):
        args = ["--shots", ",".join(map(str, sorted(shots))), "--labels", labels]
        args += ["--min-class-size", str(least)]
        if draws:
            args += ["--draws", str(draws)]
        for name in chosen:
            args += ["--backbone", name]
        for name in classifiers:
            args += ["--classifier", name]
        if reference:
            args += ["--reference", reference]
        if dropped is not None:
            args += ["--split-csv", str(kept(project, dropped.name, dropped.getvalue()))]
        jobs.start(project.folder, VERB, args)
        st.rerun()


def kept(project: Project, name: str, content: bytes) -> Path:
    """Keep a dropped split list where the job finds it, also when it is started again."""
    folder = project.folder / "uploads" / "splits"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / Path(name).name
    file.write_bytes(content)
    return file


def exhausted(found: dict[str, Any]) -> list[int]:
    """Return the shots that draw the labels of fewer shots once more: no class has any left."""
    shots = sorted({row["shots"] for row in found["results"]})
    short = [row["shots"] for row in found["short"]]
    return [n for n in shots if short.count(n) == len(found["classes"])][1:]


def without(found: dict[str, Any], shots: list[int]) -> dict[str, Any]:
    """Return a curve without some of its shots."""
    kept = {
        key: [row for row in found[key] if row["shots"] not in shots]
        for key in ("results", "differences", "short")
    }
    return found | kept


def draw(project: Project, found: dict[str, Any]) -> None:
    """Draw a curve with its table."""
    again = exhausted(found)
    found = without(found, again)
    metric = st.segmented_control(
        "Figure",
        list(METRICS),
        format_func=METRICS.__getitem__,
        default="balanced_accuracy",
        required=True,
        key="fl-nshot-metric",
        label_visibility="collapsed",
    )
    st.plotly_chart(chart(project, found, metric), config=curve_charts.CONFIG, key="fl-nshot")
    st.html(f'<div class="fl-small fl-muted">{escape(told(found, again))}</div>')
    with st.expander("Table"):
        st.html(table(project, found))
    if found["differences"]:
        with st.expander("Differences, paired draw by draw"):
            st.html(differences(project, found))


def chart(project: Project, found: dict[str, Any], metric: str) -> Any:
    """Return the curves of one figure, with the published values as thin grey lines."""
    titles = backbone_titles(project)
    made = curve_charts.figure("labels per class", METRICS[metric].lower(), height=430)
    pairs = list(dict.fromkeys((r["backbone"], r["classifier"]) for r in found["results"]))
    several = len({backbone for backbone, _ in pairs}) > 1
    # The app's own choice always has the accent.
    own = sorted(pairs, key=lambda pair: pair[1] != "default")
    colours = dict(zip(own, itertools.cycle(curve_charts.COLOURS), strict=False))
    for pair in pairs:
        backbone, classifier = pair
        rows = [r for r in found["results"] if (r["backbone"], r["classifier"]) == pair]
        rows.sort(key=lambda r: r["shots"])
        values = [figures(r, metric) for r in rows]
        name = TITLES.get(classifier, classifier)
        if several:
            name = f"{name} · {titles.get(backbone, backbone)}"
        colour = colours[pair]
        curve_charts.band(
            made,
            [r["shots"] for r in rows],
            *zip(*values, strict=True),
            name=name,
            colour=colour,
            faint=0.12,
            words="labels per class",
        )
    ticks = sorted({r["shots"] for r in found["results"]})
    published = found.get("published")
    if published is not None and metric == "balanced_accuracy":
        curve_charts.reference(
            made,
            published["shots"],
            published["rows"],
            f"published on {published['title']}, {published['shots']} per class",
        )
        ticks = sorted({*ticks, published["shots"]})
    curve_charts.log_ticks(made, ticks)
    return made


def figures(row: dict[str, Any], metric: str) -> tuple[float, float, float]:
    """Return value, low and high of a figure."""
    if metric == "balanced_accuracy":
        return row["balanced_accuracy"], row["interval"][0], row["interval"][1]
    return row[metric]["value"], row[metric]["low"], row[metric]["high"]


def told(found: dict[str, Any], again: Sequence[int] = ()) -> str:
    """Say how it was measured, and which shots are not drawn."""
    draws = sorted({r["draws"] for r in found["results"]})
    many = plural(draws[0], "draw") if len(draws) == 1 else f"{draws[0]} to {draws[-1]} draws"
    kind = "reference labels" if found["labels"] == "reference" else "your labels"
    said = (
        f"{count(found['images'])} images with {kind}, {len(found['classes'])} classes, "
        f"{many}, {count(found['test_images'])} images for testing "
        f"({found.get('split', 'a third')}). {found['leak_check']} Bands: 95 %, hierarchical "
        "bootstrap over draws and test images (whole groups, where there are any)."
    )
    said += shortage(found)
    if again:
        said += f" {' and '.join(map(str, again))} per class would be the same labels: left out."
    published = found.get("published")
    if published is not None:
        said += (
            f" Grey: the paper's {published['title']}, "
            f"{'chosen' if published['chosen'] == 'by hand' else 'recognised'} "
            f"{published['chosen']}: {published['source']}, on its own test images and backbone."
        )
    return said


def shortage(found: dict[str, Any]) -> str:
    """Say where classes had fewer labels than were asked of them."""
    said = ""
    for shots in sorted({row["shots"] for row in found["short"]}):
        rows = [row for row in found["short"] if row["shots"] == shots]
        drawn = sorted({row["drawn"] for row in rows})
        if len(rows) <= 2:
            each = ", ".join(f"{row['class']} ({row['drawn']})" for row in rows)
        else:
            few = f"{drawn[0]} to {drawn[-1]}" if len(drawn) > 1 else f"{drawn[0]}"
            each = f"{len(rows)} of {len(found['classes'])} classes ({few})"
        said += f" Fewer than {shots} labels to draw: {each}."
    return said


def table(project: Project, found: dict[str, Any]) -> str:
    """Return all figures with their intervals as HTML."""
    titles = backbone_titles(project)
    rows = []
    for r in found["results"]:
        cells = "".join(
            "<td class='n'>{:.3f} <span class='fl-muted'>{:.3f}–{:.3f}</span></td>".format(
                *figures(r, metric)
            )
            for metric in METRICS
        )
        rows.append(
            f"<tr><td class='n'>{count(r['shots'])}</td>"
            f"<td>{escape(TITLES.get(r['classifier'], r['classifier']))}</td>"
            f"<td>{escape(titles.get(r['backbone'], r['backbone']))}</td>{cells}</tr>"
        )
    head = "".join(f"<th class='n'>{escape(title)}</th>" for title in METRICS.values())
    return (
        "<div class='fl-wide'><table class='fl-table dense'><thead><tr><th class='n'>n</th>"
        f"<th>Classifier</th><th>Backbone</th>{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def differences(project: Project, found: dict[str, Any]) -> str:
    """Return the paired differences as HTML, in points."""
    titles = backbone_titles(project)
    rows = []
    for d in found["differences"]:
        low, high = (100 * v for v in d["interval"])
        word = "better" if low > 0 else "worse" if high < 0 else "not told apart"
        same = d["backbone"] == d["than_backbone"]
        one = TITLES.get(d["classifier"], d["classifier"])
        other = TITLES.get(d["than_classifier"], d["than_classifier"])
        if not same:
            one = f"{one} · {titles.get(d['backbone'], d['backbone'])}"
            other = titles.get(d["than_backbone"], d["than_backbone"])
        rows.append(
            f"<tr><td class='n'>{count(d['shots'])}</td><td>{escape(one)}</td>"
            f"<td>{escape(other)}</td><td class='n'>{signed(100 * d['difference'])} "
            f"<span class='fl-muted'>{signed(low)} to {signed(high)}</span></td>"
            f"<td>{word}</td></tr>"
        )
    return (
        "<table class='fl-table dense'><thead><tr><th class='n'>n</th><th>This</th>"
        "<th>against</th><th class='n'>points (95 %)</th><th>so it is</th></tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>"
    )
