"""Under which conditions labels are given: what was hidden, what came back, why it was shown."""

from dataclasses import replace

from fewshot_lab.live.blinding import Visibility, visibility_of
from fewshot_lab.live.page_state import PageState
from fewshot_lab.store import LabelAction


class LabellingConditions:
    """What the annotators of one request had in sight before it, to be kept with their labels."""

    def __init__(self, state: PageState):
        self._state = state
        self._before: dict[str, Visibility] = {}
        self._repeated: set[tuple[str, str]] = set()

    def before(self, annotator: str) -> Visibility:
        """Return what an annotator could see when the request came."""
        if annotator not in self._before:
            self._before[annotator] = visibility_of(self._state, self._state.order(), annotator)
        return self._before[annotator]

    def added_to(self, action: LabelAction) -> LabelAction:
        """Return an action with what was hidden from whoever labelled."""
        before = self.before(action.annotator)
        concealed = self._concealed(action, before)
        repeats = self._repeats(action, before)
        return replace(
            action,
            shown={i: p for i, p in (action.shown or {}).items() if i not in concealed} or None,
            strategy=self._strategy(action, before, repeats),
            concealed=concealed or None,
            apart=[i for i in action.image_ids if before.hides_labels(i)],
            repeats=repeats or None,
        )

    def _concealed(self, action: LabelAction, before: Visibility) -> dict[str, tuple[int, float]]:
        snapshot = self._state.live.snapshot
        if not len(snapshot.class_ids):
            return {}
        return {
            image_id: (int(snapshot.predicted[row]), float(snapshot.confidence[row]))
            for image_id in action.image_ids
            if (row := snapshot.row.get(image_id)) is not None and before.hides_prediction(image_id)
        }

    def _repeats(self, action: LabelAction, before: Visibility) -> dict[str, int]:
        repeats = {}
        for image_id in action.image_ids:
            key = (action.annotator, image_id)
            if image_id in before.repeats and key not in self._repeated and action.kind != "skip":
                repeats[image_id] = before.repeats[image_id]
                self._repeated.add(key)
        return repeats

    def _strategy(
        self, action: LabelAction, before: Visibility, repeats: dict[str, int]
    ) -> str | None:
        alone = action.view == "suggestion" and len(action.image_ids) == 1
        if action.strategy is not None or not alone:
            return action.strategy
        (image_id,) = action.image_ids
        if image_id in repeats:
            return "repeat"
        strategy = self._state.strategies.get(image_id)
        if strategy is None and before.order.row.get(image_id) in before.due:
            return "several"
        return strategy
