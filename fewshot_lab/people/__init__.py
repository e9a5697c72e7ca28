"""Several annotators on one project: who labels what, what they may see, how far they agree."""

from fewshot_lab.people._answers import UNUSABLE
from fewshot_lab.people._duties import Duties, Lots, ProjectLots, lot
from fewshot_lab.people._effect import Effect
from fewshot_lab.people._repeats import Repeats, repeats_of
from fewshot_lab.people._report import (
    FEWEST,
    Conflict,
    Pair,
    PeopleReport,
    Person,
    conflicts,
    people_report,
)

__all__ = [
    "FEWEST",
    "UNUSABLE",
    "Conflict",
    "Duties",
    "Effect",
    "Lots",
    "Pair",
    "PeopleReport",
    "Person",
    "ProjectLots",
    "Repeats",
    "conflicts",
    "lot",
    "people_report",
    "repeats_of",
]
