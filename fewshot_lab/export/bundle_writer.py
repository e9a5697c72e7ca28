"""Writing a bundle: built beside, checked, and only then put in its place."""

from __future__ import annotations

import hashlib
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from fewshot_lab.cells import table_encoding
from fewshot_lab.errors import FewshotLabError, as_sentence
from fewshot_lab.export.bundle_place import (
    FILES,
    UNFINISHED,
    is_unfinished,
    must_be_free,
    put_in_place,
    store,
    unfinished_zip,
    write_zip,
)
from fewshot_lab.export.classifier_onnx import classifier_graph
from fewshot_lab.export.errors import ExportRefused
from fewshot_lab.export.facts import gather_facts
from fewshot_lab.export.licence import check_backbone
from fewshot_lab.export.onnx_graph import REVISION, backbone_graph, join, serialise
from fewshot_lab.export.parity import check_parity
from fewshot_lab.export.predict_script import predict_py
from fewshot_lab.export.predict_slides import TILES_FILE
from fewshot_lab.export.skops_file import dump
from fewshot_lab.export.tables import labels_used_csv
from fewshot_lab.export.templating import render
from fewshot_lab.export.tile_settings import tile_settings
from fewshot_lab.files import clear_leftovers, expanded, to_json
from fewshot_lab.progress import Progress, silent

if TYPE_CHECKING:
    from fewshot_lab.project import ProjectCore, TrainedClassifier


@dataclass(frozen=True)
class BundleReport:
    """What an export wrote.

    Attributes
    ----------
    folder : Path or None
        The bundle; None where only a ZIP was asked for.
    zip_path : Path or None
    max_difference : float
        Between the probabilities of bundle and app, over ``n_images`` stored images.
    n_images : int
    seconds : float
    note : str
        Anything to say about the check, else empty.
    """

    folder: Path | None
    zip_path: Path | None
    max_difference: float
    n_images: int
    seconds: float
    note: str = ""


def export_bundle(
    project: ProjectCore,
    folder: Path | str,
    *,
    classifier: TrainedClassifier | None = None,
    zip: bool = False,
    force: bool = False,
    licence_accepted: bool = False,
    accepted_by: str = "",
    file_names: bool = False,
    progress: Progress = silent,
) -> BundleReport:
    """Write the classifier as a folder (and a ZIP) that works without the app.

    Parameters
    ----------
    project : ProjectCore
    folder : path
        The target; must not exist, or be empty. A name ending in ".zip" writes a
        ZIP only.
    classifier : TrainedClassifier, optional
        By default fitted on the current labels.
    zip : bool
        Also write ``FOLDER.zip`` beside the folder.
    force : bool
        Replace a bundle that is there already; never anything else.
    licence_accepted : bool
        You comply with the backbone's licence; needed if it forbids passing on what is made with
        it, or commercial use (:func:`fewshot_lab.backbones.must_be_accepted`).
    accepted_by : str
        Who accepts it, for bundle.json and the card; empty if unknown.
    file_names : bool
        Name the image files in labels.csv; file names may contain patients' names.

    Raises
    ------
    ExportRefused
        The bundle's probabilities differ from the app's by more than 1e-4 on stored images, the
        classifier has no form outside the app, or a licence was not accepted. Nothing is left
        behind then.
    FewshotLabError
        No classifier can be fitted, or the target cannot be written.
    """
    began = time.monotonic()
    accepted = check_backbone(project.backbone.card, licence_accepted, accepted_by)
    target = Path.cwd() / expanded(folder)
    only_zip = target.suffix.lower() == ".zip"
    home = target.with_suffix("") if only_zip else target
    zip_path = target if only_zip else (home.with_name(f"{home.name}.zip") if zip else None)
    if not only_zip:
        must_be_free(home, force)
    if zip_path is not None and zip_path.exists() and not force:
        raise FewshotLabError(f"{zip_path} exists: choose another name, or replace it (--force).")
    if classifier is None:
        progress("fitting", 0, None)
        classifier = project.fit()
    clear_leftovers(home.parent, UNFINISHED, is_unfinished)
    beside = home.with_name(f".{home.name}.{uuid4().hex[:8]}.part")
    try:
        with as_sentence(f"{target} cannot be written"):
            beside.mkdir(parents=True)
            report = _write_files(beside, project, classifier, accepted, file_names, progress)
            zipped = write_zip(beside, home.name, zip_path) if zip_path is not None else None
            if not only_zip:
                put_in_place(beside, home)
            if zipped is not None and zip_path is not None:
                zipped.replace(zip_path)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        if zip_path is not None:
            unfinished_zip(zip_path).unlink(missing_ok=True)
    project.store.note("export", kind="bundle", file=str(target), file_names=file_names)
    return BundleReport(
        folder=None if only_zip else home,
        zip_path=zip_path,
        max_difference=report["max_difference"],
        n_images=report["n_images"],
        seconds=time.monotonic() - began,
        note=(
            "The stored embeddings were computed in bf16 on a GPU; the check compared with "
            "embeddings computed again in fp32 on the CPU."
            if report["recomputed"]
            else ""
        ),
    )


def _write_files(
    folder: Path,
    project: ProjectCore,
    classifier: TrainedClassifier,
    accepted: dict[str, Any] | None,
    file_names: bool,
    progress: Progress,
) -> dict[str, Any]:
    """Write all files of the bundle and check them; return the outcome of the check."""
    fitted = classifier.fitted
    estimator = fitted.to_sklearn()
    ids = [int(class_id) for class_id in estimator.classes_]
    if sorted(ids) != sorted(fitted.class_ids):
        raise ExportRefused("The classifier's scikit-learn form has other classes than the app's.")
    backbone = project.backbone
    facts, decision = gather_facts(project, classifier, progress=progress)
    metrics = facts["metrics"]
    class_by_id = {row["id"]: row for row in facts["about"]["classes"]}
    progress("exporting", 0, None)
    cache = project.folder / "exports" / "backbones" / f"{backbone.fingerprint}-{REVISION}.onnx"
    body = _backbone_graph(project, cache)
    dimensions = int(classifier.training.X.shape[1])
    head = classifier_graph(estimator, dimensions)
    skops_data, trusted = dump(estimator)
    classes = [{key: class_by_id[i][key] for key in ("id", "name", "color")} for i in ids]

    store(folder / "model.onnx", serialise(join(body, head, len(ids))))
    store(folder / "classifier.skops", skops_data)
    store(folder / "preprocessing.json", _json(backbone.preprocessing.to_dict()))
    store(folder / "classes.json", _json(classes))
    table = labels_used_csv(project, classifier, file_names=file_names)
    store(folder / "labels.csv", table.encode(table_encoding()))
    if decision is not None:
        decision = decision.reordered([list(fitted.class_ids).index(i) for i in ids])
        for name, data in decision.files().items():
            store(folder / name, data)
    if (settings := tile_settings(project)) is not None:
        store(folder / TILES_FILE, _json(settings.to_dict()))
    others = {key: facts[key] for key in ("flow", "strategy", "splits", "curve", "agreement")}
    store(folder / "metrics.json", _json({**metrics, **others}))
    store(folder / "predict.py", predict_py().encode())

    parity = asdict(
        check_parity(project, fitted, classifier.training.ids, folder, decision, progress=progress)
    )
    about = {**facts["about"], "parity": parity, "file_names": file_names}
    about["licence"] = {**about["licence"], "accepted": accepted}
    about["classifier"] = {**about["classifier"], "skops_trusted": trusted}
    about["sha256"] = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in FILES
        if (folder / name).exists()
    }
    store(folder / "bundle.json", _json(about))
    card = render("model_card.md.jinja", {**facts, "about": about})
    store(folder / "MODEL_CARD.md", card.encode())
    return parity


def _backbone_graph(project: ProjectCore, cache: Path) -> Any:
    """Return the backbone's graph; torch is only needed where it is not cached."""
    size = project.backbone.preprocessing.size
    if cache.exists():
        try:
            return backbone_graph(None, size, cache=cache)
        except Exception:
            cache.unlink()  # damaged: made again
    return backbone_graph(project.backbone.load("cpu"), size, cache=cache)


def _json(value: Any) -> bytes:
    return (to_json(value, indent=1) + "\n").encode()
