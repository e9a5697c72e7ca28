"""The classifier as a bundle that works without the app, and predicting with it."""

from typing import TYPE_CHECKING, Any

from fewshot_lab.export.errors import ExportRefused

if TYPE_CHECKING:
    from fewshot_lab.export._dropped import (
        Alike,
        Answer,
        Answers,
        predict_dropped,
        read_answers,
        remember_sources,
        table,
    )
    from fewshot_lab.export._figures import figures
    from fewshot_lab.export._licence import check_backbone
    from fewshot_lab.export._probabilities import (
        Gathered,
        between,
        class_names,
        gather,
        judge,
        probabilities_of,
        reliability_words,
        sets_words,
        settings_of,
        threshold_words,
        told,
        told_of,
        unlike_words,
    )
    from fewshot_lab.export._read import Bundle, PredictReport, predict_folder
    from fewshot_lab.export._report import write_report
    from fewshot_lab.export._tables import (
        labels_csv,
        opinions_csv,
        parse_moment,
        predictions_csv,
    )
    from fewshot_lab.export._write import BundleReport, export_bundle

__all__ = [
    "Alike",
    "Answer",
    "Answers",
    "Bundle",
    "BundleReport",
    "ExportRefused",
    "Gathered",
    "PredictReport",
    "between",
    "check_backbone",
    "class_names",
    "export_bundle",
    "figures",
    "gather",
    "judge",
    "labels_csv",
    "opinions_csv",
    "parse_moment",
    "predict_dropped",
    "predict_folder",
    "predictions_csv",
    "probabilities_of",
    "read_answers",
    "reliability_words",
    "remember_sources",
    "sets_words",
    "settings_of",
    "table",
    "threshold_words",
    "told",
    "told_of",
    "unlike_words",
    "write_report",
]

_WHERE = {
    "Alike": "_dropped",
    "Answer": "_dropped",
    "Answers": "_dropped",
    "predict_dropped": "_dropped",
    "read_answers": "_dropped",
    "remember_sources": "_dropped",
    "table": "_dropped",
    "figures": "_figures",
    "check_backbone": "_licence",
    "Gathered": "_probabilities",
    "between": "_probabilities",
    "class_names": "_probabilities",
    "gather": "_probabilities",
    "judge": "_probabilities",
    "probabilities_of": "_probabilities",
    "reliability_words": "_probabilities",
    "settings_of": "_probabilities",
    "sets_words": "_probabilities",
    "threshold_words": "_probabilities",
    "told": "_probabilities",
    "told_of": "_probabilities",
    "unlike_words": "_probabilities",
    "Bundle": "_read",
    "PredictReport": "_read",
    "predict_folder": "_read",
    "write_report": "_report",
    "labels_csv": "_tables",
    "opinions_csv": "_tables",
    "parse_moment": "_tables",
    "predictions_csv": "_tables",
    "BundleReport": "_write",
    "export_bundle": "_write",
}


def __getattr__(name: str) -> Any:
    # Loaded when used: the tables need neither onnx nor the classifiers.
    if name in _WHERE:
        from importlib import import_module

        return getattr(import_module(f"fewshot_lab.export.{_WHERE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
