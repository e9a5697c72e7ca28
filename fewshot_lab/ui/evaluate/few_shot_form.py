"""What can be chosen for a few-shot curve, and the job that measures it."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import streamlit as st

from fewshot_lab import jobs
from fewshot_lab.evaluation import CLASSIFIERS, SHOTS
from fewshot_lab.files import write_atomically
from fewshot_lab.project import UPLOADS, Project
from fewshot_lab.ui import work
from fewshot_lab.ui.choices import labels_to_use, select
from fewshot_lab.ui.evaluate.parts import backbone_titles
from fewshot_lab.ui.glossary import meanings_of

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
REFERENCES = {
    "": "told by the classes",
    "none": "none of them",
    "bone-marrow": "bone marrow",
    "endoscopy": "endoscopy",
    "dermoscopy": "dermoscopy",
}


def form(project: Project, kinds: dict[str, str]) -> None:
    """Draw what can be chosen, and the button that starts."""
    left, right = st.columns(2, gap="large")
    with left:
        chosen = _labels_and_draws(kinds)
    with right:
        chosen |= _compared(project)
    ready = all(chosen[key] for key in ("shots", "backbones", "classifiers"))
    if st.button("Measure", type="primary", disabled=not ready, key="fl-nshot-start"):
        start(project, chosen)
        st.rerun()


def _labels_and_draws(kinds: dict[str, str]) -> dict[str, Any]:
    return {
        "shots": st.multiselect(
            "Labels per class", SHOTS, default=[5, 10, 25, 50, 100], key="fl-nshot-shots"
        ),
        "draws": st.number_input(
            "Draws",
            0,
            200,
            10,
            key="fl-nshot-draws",
            help="0 for the paper's: 50 up to 10 labels per class, 20 up to 100, 5 above.",
        ),
        "least": st.number_input(
            "Leave out classes with fewer images than", 0, 100_000, 0, key="fl-nshot-least"
        ),
        "labels": labels_to_use("Labels", kinds, "fl-nshot-labels"),
    }


def _compared(project: Project) -> dict[str, Any]:
    titles = backbone_titles(project)
    return {
        "backbones": st.multiselect(
            "Backbones",
            list(titles),
            default=[project.backbone_name] if project.backbone_name in titles else None,
            format_func=titles.__getitem__,
            key="fl-nshot-backbones",
        ),
        "classifiers": st.multiselect(
            "Classifiers",
            list(TITLES),
            default=list(CLASSIFIERS),
            format_func=lambda name: TITLES[name].replace("Nielsen et al.", "paper"),
            help=meanings_of("LDA + LogReg", "LDA", "LogReg", "RBF-SVM", "kNN"),
            key="fl-nshot-classifiers",
        ),
        "reference": select("Data set of the paper", REFERENCES, key="fl-nshot-reference"),
        "split": st.file_uploader(
            "Drop a split list here (CSV with the columns path, split)",
            type="csv",
            max_upload_size=50,
            key="fl-nshot-split",
        ),
    }


def start(project: Project, chosen: dict[str, Any]) -> None:
    """Start the measuring of a curve by what was chosen in the form."""
    dropped = chosen["split"]
    work.start(
        project,
        VERB,
        shots=",".join(map(str, sorted(chosen["shots"]))),
        labels=chosen["labels"],
        min_class_size=chosen["least"],
        draws=chosen["draws"] or None,
        backbone=chosen["backbones"],
        classifier=chosen["classifiers"],
        reference=chosen["reference"],
        split_csv=dropped and keep_upload(project, dropped.name, dropped.getvalue()),
    )


def keep_upload(project: Project, name: str, content: bytes) -> Path:
    """Keep a dropped split list where the job finds it, also when it is started again."""
    jobs.clear_drops(project.folder)
    file = project.folder / UPLOADS / uuid4().hex / Path(name).name
    write_atomically(file, content)
    return file
