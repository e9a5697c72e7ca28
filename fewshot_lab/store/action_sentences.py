"""What a label action says of each image, and the sentence that the history keeps of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.store.class_states import ClassState, live_targets
from fewshot_lab.store.current_labels import DECISION, team_at
from fewshot_lab.store.label_rows import LabelAction
from fewshot_lab.store.queries import OwnLabel
from fewshot_lab.store.training_label import LABELLED
from fewshot_lab.words import plural


def check_decision(connection: Connection, batch: LabelAction) -> None:
    """Refuse a decision by somebody who is no senior."""
    if batch.view != DECISION:
        return
    seniors = team_at(connection).seniors
    if batch.annotator not in seniors:
        who = f"here: {', '.join(seniors)}" if seniors else "and none is named here"
        raise FewshotLabError(f"Only a senior decides where opinions differ ({who}).")


def label_values(
    batch: LabelAction, image_ids: Sequence[str], states: Mapping[int, ClassState]
) -> dict[str, tuple[str, int | None]]:
    """Return kind and class for each image.

    Raises
    ------
    FewshotLabError
        For a class that is not there, and for an image without a class.
    """
    targets = live_targets(states)

    def value_of(value: int | str | None) -> tuple[str, int | None]:
        if isinstance(value, str):
            if value not in (*LABELLED[1:], "clear"):
                raise FewshotLabError(f"“{value}” is not a class id, unsure, reject or clear.")
            return value, None
        if value is None:
            raise FewshotLabError("This label needs a class.")
        state = states.get(value)
        if state is None or state.withdrawn:
            raise FewshotLabError(f"There is no class with the id {value}.")
        if (target := targets[value]) is None:
            raise FewshotLabError(
                f"The class {state.name} is retired: restore it, or choose another."
            )
        return "class", target

    if batch.class_of is not None:
        answers: dict[Any, tuple[str, int | None]] = {}
        for image_id in image_ids:
            value = batch.class_of.get(image_id)
            if value not in answers:
                answers[value] = value_of(value)
            answers[image_id] = answers[value]
        return answers
    if batch.kind == "class":
        return dict.fromkeys(image_ids, value_of(batch.class_id))
    return dict.fromkeys(image_ids, (batch.kind, None))


def sentence_of(
    batch: LabelAction,
    image_ids: Sequence[str],
    answers: Mapping[str, tuple[str, int | None]],
    states: Mapping[int, ClassState],
) -> str:
    """Return an action in words."""
    n = plural(len(image_ids), "image")
    what = {answers[image_id] for image_id in image_ids}
    if len(what) > 1:
        if batch.machine:
            return f"{n} accepted as predicted"
        return f"{n} → {len(what)} different labels"
    kind, class_id = answers[image_ids[0]] if image_ids else (batch.kind, None)
    if kind == "clear":
        return f"{n} cleared"
    if kind == "skip":
        return f"{n} skipped"
    name = states[class_id].name if class_id is not None else kind
    if batch.view == DECISION:
        return f"{n} decided → {name}"
    return f"{n} accepted → {name}" if batch.machine else f"{n} → {name}"


def carries_label(current: OwnLabel, targets: Mapping[int, int | None]) -> bool:
    """Say whether what an annotator says of an image labels it."""
    if current.kind == "class" and current.class_id is not None:
        return targets[current.class_id] is not None
    return current.kind in LABELLED
