"""What was found of a suspected confounder, in sentences and as JSON can hold it."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from fewshot_lab.evaluation.confounding import MOST
from fewshot_lab.evaluation.confounding_result import Confounding, ValueFigures
from fewshot_lab.evaluation.left_out import FEWEST, LeftOut
from fewshot_lab.files import finite
from fewshot_lab.stats import Interval
from fewshot_lab.words import first_few, percent, plural, share

HARM = ("left_out", "accuracy", "calibration")
NEUTRAL = 0.5


def confounding_report(result: Confounding, classes: Sequence[str]) -> dict[str, Any]:
    """Return sentences and figures of a column.

    Parameters
    ----------
    result : Confounding
    classes : sequence of str
        Names, in the order of the class indices.

    Returns
    -------
    dict
        ``sentence`` (the verdict), ``findings`` (what stands out beyond chance), ``warnings``
        (classes from one value alone), ``notes``; ``values``, ``telling`` and ``robustness`` with
        their figures, the latter two None where nothing can be compared.
    """
    probe, index = result.probe, result.robustness
    measured = [v for v in result.values if v.accuracy is not None]
    return {
        "column": result.column,
        "named": list(result.named),
        "sentence": _verdict(result, measured),
        "findings": _findings(result),
        "warnings": [_one_sided(result, each, classes) for each in result.one_sided],
        "notes": _notes(result),
        "images": result.shown,
        "missing": result.missing,
        "classes": list(classes),
        "values": [_value(v) for v in result.values],
        "telling": None
        if probe is None
        else {
            "balanced_accuracy": _json(probe.balanced_accuracy),
            "chance": probe.chance,
            "p": probe.p,
            "sentence": _telling(result),
        },
        "robustness": None
        if index is None
        else {
            **_json(index.index),
            "neighbours": index.k,
            "support": index.support,
            "sentence": _robustness(result),
        },
    }


def unmeasured(column: str, sentence: str) -> dict[str, Any]:
    """Return the report of a column that cannot be read, with the sentence why."""
    empty: dict[str, list[Any]] = {
        key: [] for key in ("named", "findings", "warnings", "notes", "classes", "values")
    }
    return {
        "column": column,
        "sentence": sentence,
        **empty,
        "images": 0,
        "missing": 0,
        "telling": None,
        "robustness": None,
    }


def _value(value: ValueFigures) -> dict[str, Any]:
    if value.accuracy is None or value.difference is None or value.calibration_error is None:
        few = f"fewer than {FEWEST} labelled images: too few to say"
        return {**_counts(value), "reason": few}
    return {
        **_counts(value),
        "accuracy": _json(value.accuracy),
        "difference": _json(value.difference),
        "calibration_error": _json(value.calibration_error),
        "lean": value.lean,
        "left_out": None
        if value.left_out is None
        else {key: _json(getattr(value.left_out, key)) for key in ("without", "among", "gain")},
    }


def _counts(value: ValueFigures) -> dict[str, Any]:
    counts = {"images": value.images, "groups": value.groups, "by_class": list(value.by_class)}
    return {"value": value.name, **counts}


def _json(interval: Interval) -> dict[str, Any]:
    return dict(finite(asdict(interval)))


def _between(interval: Interval) -> str:
    return share(interval.value, interval.low, interval.high)


def _points(interval: Interval) -> str:
    ends = f"{100 * interval.low:+.0f} to {100 * interval.high:+.0f}".replace("-", "−")
    return f"{100 * interval.value:+.0f} points ({ends})".replace("-", "−")


def _verdict(result: Confounding, measured: Sequence[ValueFigures]) -> str:
    column = result.column
    if result.probe is None:
        return _nothing_to_compare(result)
    shown, one_sided = "telling" in result.named, "classes" in result.named
    start = f"The images show their {column}" if shown else ""
    apart = f"there class and {column} cannot be told apart by these labels"
    if any(key in result.named for key in HARM):
        also = f" A class goes with it: {apart}." if one_sided else ""
        subject = f"{start}, and it makes" if shown else f"The {column} makes"
        return f"{subject} a difference to this classifier.{also}"
    if one_sided:
        subject = (
            f"{start}, and a class goes with it" if shown else f"A class goes with the {column}"
        )
        return f"{subject}: {apart}."
    if shown:
        untested = all(v.left_out is None for v in measured)
        but = "; how it does without one could not be tried" if untested else ""
        return f"{start}, but nothing says that this classifier is the worse for it{but}."
    if not result.can_tell:
        return (
            f"Too few {result.noun}s of each {column} and class to say whether the {column} plays "
            "a part."
        )
    return f"Nothing points to the {column}: all differences are within what chance can cause."


def _nothing_to_compare(result: Confounding) -> str:
    column, values = result.column, [v for v in result.values if v.images]
    if not values:
        return (
            f"No labelled image says its {column}: nothing can be compared. Import the column for "
            "them, or name another one."
        )
    if len(values) == 1:
        return (
            f"All labelled images have the same {column}, {values[0].name}: nothing can be "
            "compared. Label images of another one."
        )
    largest = max(v.images for v in values)
    one = "only one has" if largest >= FEWEST else "none has"
    return (
        f"Of {len(values)} values of {column} {one} {FEWEST} labelled images or more: nothing can "
        f"be compared. Label more images of the others."
    )


def _telling(result: Confounding) -> str:
    probe = result.probe
    assert probe is not None
    column, noun = result.column, result.noun
    unseen = "images" if noun == "image" else f"images of {noun}s"
    text = (
        f"A simple classifier (a linear probe) recognises the {column} in "
        f"{_between(probe.balanced_accuracy)} of {unseen} that it did not see; by chance, knowing "
        f"only the class, in {percent(probe.chance)}"
    )
    if "telling" in result.named:
        return f"{text}."
    few = "" if result.can_tell else f", and there are too few {noun}s to tell more"
    return f"{text}: that is within what chance can cause{few}."


def _robustness(result: Confounding) -> str:
    index = result.robustness
    assert index is not None
    column, value = result.column, index.index
    text = (
        f"Of nearest images that share either class or {column} but not both, {_between(value)} "
        "share the class"
    )
    if value.low > NEUTRAL:
        return f"{text}: the class weighs more than the {column} in what the images look like."
    if value.high < NEUTRAL:
        return f"{text}: the {column} weighs more than the class in what the images look like."
    return f"{text}: class and {column} weigh about the same in what the images look like."


def _findings(result: Confounding) -> list[str]:
    """Return a sentence for each thing that stands out, but for one-sided classes."""
    column, findings = result.column, []
    if "telling" in result.named:
        findings.append(_telling(result))
    for value in result.values:
        loss = value.left_out
        if "left_out" in result.named and loss is not None and loss.surely_worse:
            findings.append(_loss(f"{column} {value.name}", loss))
    where = result.stands_out or {}
    if "accuracy" in result.named:
        value = result.values[where["accuracy"]]
        assert value.accuracy is not None and value.difference is not None
        findings.append(
            f"With {column} {value.name} the classifier is right in {_between(value.accuracy)}: "
            f"class for class {_points(value.difference)} against the others."
        )
    if "calibration" in result.named:
        value = result.values[where["calibration"]]
        others = [
            f"{v.name}: {_lean(v.lean)}"
            for v in result.values
            if v.accuracy is not None and v is not value
        ]
        findings.append(
            f"With {column} {value.name} the probabilities are {_lean(value.lean)} "
            f"({', '.join(others)})."
        )
    return findings


def _lean(lean: float) -> str:
    points = round(100 * abs(lean))
    if not points:
        return "neither too sure nor too unsure"
    return f"too {'sure' if lean > 0 else 'unsure'} by {plural(points, 'point')}"


def _loss(where: str, loss: LeftOut) -> str:
    return (
        f"Learnt without {where}, {_between(loss.without)} of its images are recognised; among "
        f"the others, with as many labels, {_between(loss.among)}: {_points(loss.gain)}."
    )


def _one_sided(result: Confounding, each: Any, classes: Sequence[str]) -> str:
    name, value = classes[each.class_index], result.values[each.value].name
    where = f"{result.column} {value}"
    if each.of_value == each.images:
        what = f"{name} comes from {where} alone ({each.images:,} labelled images)"
    else:
        what = (
            f"{name} comes nearly always from {where} ({each.of_value:,} of {each.images:,} "
            "labelled images)"
        )
    if not each.certain:
        return f"{what}; with so few this may be chance. Label {name} elsewhere to find out."
    return (
        f"{what}: whether the classifier knows the class or the {result.column} cannot be told. "
        f"Label {name} elsewhere, or {value} images of other classes."
    )


def _notes(result: Confounding) -> list[str]:
    column, noun, notes = result.column, result.noun, []
    if result.missing:
        notes.append(f"{result.missing:,} labelled images do not say their {column}: left out.")
    few = [v for v in result.values if 0 < v.images < FEWEST]
    if few and result.probe is not None:
        values = first_few([f"{v.name} ({v.images})" for v in few], 5)
        notes.append(
            f"Too few labelled images to say anything about {values}: left out. {FEWEST} are "
            "needed."
        )
    if result.spread_groups:
        have = f"{noun} has" if result.spread_groups == 1 else f"{noun}s have"
        notes.append(
            f"{result.spread_groups:,} {have} images of several values of {column}: of one {noun} "
            "no image trains where others are tested."
        )
    untried = [v.name for v in result.values if v.accuracy is not None and v.left_out is None]
    if untried:
        notes.append(
            f"Leaving it out could not be tried for {first_few(untried, 5)}: too few {noun}s, or "
            "no class that others have, too."
        )
    if result.costed:
        notes.append(
            "Accuracy is of what is decided by the costs of errors; what is left out in turn is "
            "answered by the most probable class."
        )
    if result.shown >= MOST:
        notes.append(f"Looked at: {result.shown:,} labelled images, drawn by {noun}.")
    return notes
