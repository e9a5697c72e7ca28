"""What the bodies of requests may hold; anything else is refused before it reaches the store."""

from typing import Annotated, Any, Literal, TypeVar

from annotated_types import Len
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.store import LONGEST_NAME

T = TypeVar("T")
ID_LENGTH = 20
MOST_ACTIONS = 500
LONGEST_STATE = 8000
"""Characters of what a page's address says of its filters; browsers and proxies take no more."""
LARGEST_INTEGER = 2**53 - 1  # what a browser can count to

Word = Annotated[str, StringConstraints(max_length=60)]
Line = Annotated[str, StringConstraints(max_length=200)]
Whole = Annotated[int, Field(ge=0, le=LARGEST_INTEGER)]
ClassId = Annotated[int, Field(ge=0, le=2**31 - 1)]
Probability = Annotated[float, Field(ge=0, le=1)]
Annotator = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_NAME)]

View = Literal[
    "grid",
    "map",
    "suggestion",
    "neighbours",
    "suspects",
    "class",
    "search",
    "accept",
    "adjudication",
    "pile",
]


class Body(BaseModel):
    """JSON of exactly these types: no text for a number, no infinity."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    def authors(self) -> set[str]:
        """Return in whose name it is sent."""
        name = getattr(self, "annotator", None)
        return {name} if name else set()

    def further_actions(self) -> set[str]:
        """Return what else somebody must be allowed to do for it."""
        return set()


class Signed(Body):
    """Something an annotator does; ``client`` and ``q`` name it, so that it is stored once."""

    client: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    q: Whole


class LabelBody(Signed):
    """Labels of one or many images."""

    do: Literal["label"]
    annotator: Annotator | None = None
    kind: Literal["class", "unsure", "reject", "clear", "skip"]
    class_id: ClassId | None = None
    class_of: list[ClassId | None] | None = None
    machine: bool = False
    images: str
    view: View
    strategy: Word | None = None
    # The prediction that was on screen: classes, and their probabilities.
    shown: (
        Annotated[
            tuple[list[ClassId | None], list[Probability | None]],
            Field(strict=False),  # JSON has no tuples
        ]
        | None
    ) = None
    spent_ms: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None


class RevertBody(Signed):
    """An undo or a redo."""

    do: Literal["undo", "redo"]
    annotator: Annotator | None = None


class ActionsBody(Body):
    """A batch of actions; each is checked by itself, so that a bad one holds up no other."""

    annotator: Annotator
    actions: Annotated[list[dict[str, Any]], Len(0, MOST_ACTIONS)]

    def authors(self) -> set[str]:
        """Return in whose name each of the actions is sent."""
        return {str(action.get("annotator") or self.annotator) for action in self.actions}

    def further_actions(self) -> set[str]:
        """Return what else somebody must be allowed to do for it."""
        decides = any(action.get("view") == "adjudication" for action in self.actions)
        return {"decide"} if decides else set()


class ClassBody(Signed):
    """A change of the classes."""

    annotator: Annotator
    do: Literal["add", "rename", "recolour", "reorder", "merge", "retire", "restore"]
    id: ClassId | None = None
    into: ClassId | None = None
    ids: Annotated[list[ClassId], Len(0, 1000)] | None = None
    name: Line | None = None
    color: Word | None = None


class SettingsBody(Body):
    """How many labels a class should get."""

    target: Annotated[int, Field(ge=1, le=100_000)]


class ViewBody(Body):
    """A view of the images to save under a name, to rename or to remove."""

    do: Literal["save", "rename", "remove"]
    annotator: Annotator
    name: Line
    new_name: Line | None = None
    state: Annotated[str, StringConstraints(max_length=LONGEST_STATE)] | None = None


class PairBody(Body):
    """Two classes to tell apart; none any more where they are left out."""

    annotator: Annotator
    classes: Annotated[list[ClassId], Len(2, 2)] | None = None


class OfferBody(Body):
    """The answer to a backbone that is offered."""

    do: Literal["take", "decline"]
    backbone: Line | None = None


class JobBody(Body):
    """Work to start or stop."""

    do: Literal["prepare", "map", "stop"]
    id: Line | None = None
    neighbours: Annotated[int, Field(ge=2, le=200)] = 15
    min_dist: Annotated[float, Field(ge=0, le=0.99)] = 0.1


ACTION: TypeAdapter[LabelBody | RevertBody] = TypeAdapter(
    Annotated[LabelBody | RevertBody, Field(discriminator="do")]
)


def checked_action(action: dict[str, Any]) -> LabelBody | RevertBody:
    """Return one action of a batch.

    Raises
    ------
    FewshotLabError
        Where a field is missing or of another type.
    """
    try:
        return ACTION.validate_python(action)
    except ValidationError as error:
        raise FewshotLabError(sentence_of(error)) from None


def ids_in(text: str) -> list[str]:
    """Return the images that a request names, their ids in one word."""
    return [text[at : at + ID_LENGTH] for at in range(0, len(text), ID_LENGTH)]


def needed(value: T | None) -> T:
    """Return a field that this change of the classes cannot do without."""
    if value is None:
        raise FewshotLabError("The request cannot be understood: a field of it is missing.")
    return value


def sentence_of(error: ValidationError) -> str:
    """Return what is wrong first, as one sentence."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part)[:40] for part in first["loc"])
    return f"The request cannot be understood ({where or 'its body'}: {first['msg'][:200]})."
