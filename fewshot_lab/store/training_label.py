"""From what several annotators say of an image to the one label that trains."""

from collections import Counter
from collections.abc import Iterable, Mapping

from fewshot_lab.store.label_rows import Label
from fewshot_lab.store.team import Team

LABELLED = ("class", "unsure", "reject")
_Targets = Mapping[int, int | None]


def training_label(statements: Iterable[Label], team: Team, targets: _Targets) -> Label | None:
    """Return the label that follows from the annotators' current statements by the team's rule.

    Opinions accepted in bulk count only where no person has one, "unsure" only where nobody says
    more. Where as many say one thing as another, an image has no label by majority, and by
    "soft" the newest of them. A senior's decision in the adjudication queue holds by every rule
    but "latest", where the newest statement of anybody holds, whatever it is.

    Parameters
    ----------
    statements : iterable of Label
        One for each annotator; "clear" and "skip" say nothing, but "clear" may be the latest.
    team : Team
    targets : mapping
        From class id to the class it counts for, None while it rests.
    """
    answers = [s for s in statements if s.kind != "skip"]
    if team.rule == "latest":
        newest = max(answers, key=_event, default=None)
        return None if newest is None or newest.kind == "clear" else counted(newest, targets)
    opinions = [o for s in answers if s.kind != "clear" and (o := counted(s, targets)) is not None]
    decided = max((o for o in opinions if o.decided), key=_event, default=None)
    if decided is not None:
        return decided
    opinions = [o for o in opinions if not o.machine] or opinions
    if team.rule == "senior":
        opinions = [o for o in opinions if o.annotator in team.seniors] or opinions
    firm = [o for o in opinions if o.kind != "unsure"]
    if not firm:
        return max(opinions, key=_event, default=None)
    counts = Counter((o.kind, o.class_id) for o in firm)
    most = max(counts.values())
    top = [o for o in firm if counts[o.kind, o.class_id] == most]
    winner = max(top, key=_event)
    if len(counts) == 1:
        return winner
    if team.rule == "soft":
        shares = tuple(
            (class_id, n / len(firm))
            for (kind, class_id), n in sorted(counts.items(), key=lambda item: str(item[0]))
            if kind == "class" and class_id is not None
        )
        return winner._replace(shares=shares)
    tied = len({(o.kind, o.class_id) for o in top}) > 1
    return None if tied else winner


def counted(label: Label, targets: _Targets) -> Label | None:
    """Return a label with the class it counts for; None where that rests."""
    if label.class_id is None or (target := targets[label.class_id]) == label.class_id:
        return label
    return None if target is None else label._replace(class_id=target)


def in_conflict(opinions: Iterable[Label]) -> bool:
    """Say whether people name different classes, or one of them finds the image unusable."""
    return len({(o.kind, o.class_id) for o in opinions if o.kind != "unsure" and not o.machine}) > 1


def _event(label: Label) -> int:
    return label.event_id
