"""Mounting the label page.

The script runs once to mount it. From then on labels, snapshots and pictures go over the routes of
:mod:`fewshot_lab.web`, and no label, refit or lasso runs a script.
"""

from pathlib import Path
from urllib.parse import quote

import streamlit as st

from fewshot_lab.project import Project
from fewshot_lab.ui import visitor
from fewshot_lab.ui.pages import rooted
from fewshot_lab.web import api_url, plotly_url, workspace_url

_mount = st.components.v2.component(
    "fewshot_workspace",
    js=(Path(__file__).parent / "label_component.js").read_text(encoding="utf-8"),
    isolate_styles=False,  # Plotly puts its own style sheet into the document
)


def label_page(project: Project, annotator: str) -> None:
    """Draw the label page over the whole window below the top bar.

    Parameters
    ----------
    project : Project
    annotator : str
        Whose name the labels carry.
    """
    _mount(
        key=f"workspace-{project.name}",
        data={
            "project": project.name,
            "annotator": annotator,
            "signed_in": visitor.is_signed_in(),
            "edits_classes": visitor.may("classes", project.name),
            "changes_backbone": visitor.may("settings", project.name),
            "api": rooted(api_url(project.name)),
            "main": rooted(workspace_url("main.js")),
            "css": rooted(workspace_url("workspace.css")),
            "plotly": rooted(plotly_url()),
            "open": st.query_params.get("open", ""),
            "pages": {"import": f"import?project={quote(project.name)}"},
        },
    )
