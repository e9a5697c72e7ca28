"""Short words for the tests of the store."""

import uuid

from fewshot_lab.store import LabelAction, NewImage, Store, action_log


def picture(n: int, **more: object) -> NewImage:
    path = f"cells/{n:04d}.png"
    given = {"path": path, "file": f"/data/{path}", "frame": 0, "mtime_ns": 1, **more}
    return NewImage(id=image(n), width=8, height=6, bytes=100, **given)


def image(n: int) -> str:
    return f"{n:020x}"


def undoable(store: Store, annotator: str) -> str | None:
    """The sentence of the action that undo would take back."""
    with store._database.read() as connection:
        action = action_log.undoable(connection, annotator)
    return action and action["sentence"]


def redoable(store: Store, annotator: str) -> str | None:
    """The sentence of the action that redo would bring back."""
    with store._database.read() as connection:
        action = action_log.redoable(connection, annotator)
    return action and action["sentence"]


class Annotator:
    """An annotator at a screen: numbers the actions like a browser does."""

    def __init__(self, store: Store, annotator: str):
        self.store, self.annotator = store, annotator
        self.client, self.q = f"{annotator}-{uuid.uuid4().hex}", 0

    def _next(self) -> dict[str, object]:
        self.q += 1
        return {"client": self.client, "q": self.q}

    def label(self, images: int | list[int], to: int | str, **more: object) -> int:
        numbers = [images] if isinstance(images, int) else images
        kind, class_id = ("class", to) if isinstance(to, int) else (to, None)
        return self.store.record(
            LabelAction(
                **self._next(),
                annotator=self.annotator,
                kind=kind,
                class_id=class_id,
                image_ids=[image(n) for n in numbers],
                **more,
            )
        )

    def add(self, name: str, **more: object) -> int:
        return self.store.add_class(name, annotator=self.annotator, **self._next(), **more)

    def undo(self):
        return self.store.undo(self.annotator, **self._next())

    def redo(self):
        return self.store.redo(self.annotator, **self._next())

    def says(self) -> dict[str, object]:
        return {"annotator": self.annotator, **self._next()}


def now(store: Store, at: object = None) -> dict[int, int | str]:
    """The labels, short: image number to class id or kind."""
    return {
        int(image_id, 16): label.class_id if label.kind == "class" else label.kind
        for image_id, label in store.labels(at).items()
    }
