"""``Project``: the one object that a script, the terminal or a page holds.

Its verbs are thin: each gathers what a room needs from the store, calls the room and returns
what it said.
"""

from fewshot_lab.project._classified import ProjectClassifier, TrainingSet
from fewshot_lab.project._images import ImportReport
from fewshot_lab.project._places import MARKER, NAME
from fewshot_lab.project._project import Project, ProjectInfo

__all__ = [
    "MARKER",
    "NAME",
    "ImportReport",
    "Project",
    "ProjectClassifier",
    "ProjectInfo",
    "TrainingSet",
]
