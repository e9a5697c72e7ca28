"""Which backbone suits a project's labels: the newest comparison, and starting another."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from fewshot_lab import jobs
from fewshot_lab.project import Project, candidates, points, verdict
from fewshot_lab.ui import work
from fewshot_lab.ui.words import count, escape, interval, plural

VERB = "compare-backbones"


def show(project: Project, *, busy: bool, use: Callable[[Project, str], None]) -> None:
    """Draw the newest comparison and the button for another; ``use`` switches to a backbone."""
    ended = work.latest(project, (VERB,))
    if ended is not None and not busy:
        work.show_ending(project, ended)
    found = verdict(project)
    if found is None:
        n = len(candidates(project))
        st.html(
            f'<div class="fl-muted">{plural(n, "backbone")} that {"comes" if n == 1 else "come"} '
            "with the app can be compared with the one in use, on your labels: each image is "
            "predicted by classifiers that have not seen it. It takes about a minute, needs five "
            "labels of every class, and switches nothing.</div>"
        )
    else:
        st.html(f'<p class="fl-lead">{escape(found["sentence"])}</p>{table(found)}')
    label = "Compare on my labels" if found is None else "Compare again"
    with st.container(horizontal=True, gap="small"):
        better = found["better"] if found else None
        if better and st.button("Switch to it", type="primary", key="fl-better", disabled=busy):
            use(project, better)
        if st.button(label, key="fl-compare-labels", disabled=busy):
            jobs.start(project.folder, VERB, [])
            st.rerun()


def table(found: dict[str, Any]) -> str:
    """Return a comparison as HTML, a row for each backbone."""
    rows = "".join(
        f"<tr><td>{escape(row['title'])}</td><td class='n'>{interval(*row['balanced_accuracy'])}"
        f"</td><td class='n'>{escape(points(row)) if 'gain' in row else 'in use'}</td></tr>"
        for row in found["rows"]
    )
    rows += "".join(
        f"<tr><td>{escape(row['title'])}</td><td class='fl-muted' colspan='2'>"
        f"{escape(row['reason'])}</td></tr>"
        for row in found["left_out"]
    )
    leaks: dict[str, list[str]] = {}
    for row in found["rows"]:
        leaks.setdefault(row.get("leaks", ""), []).append(row["title"])
    leaks.pop("", None)
    seen = "".join(
        f"<br>In the training data of {escape('; '.join(titles))}: {escape(what)}"
        for what, titles in leaks.items()
    )
    return (
        "<table class='fl-table'><thead><tr><th>Backbone</th><th class='n'>balanced accuracy</th>"
        "<th class='n'>against the one in use</th></tr></thead>"
        f"<tbody>{rows}</tbody></table><div class='fl-small fl-muted'>On "
        f"{count(found['compared'])} labelled images, of {count(found['labels'])}; the intervals "
        f"hold together at 95 %, as several are compared.{seen}</div>"
    )
