"""``Project``: the one object that a script, the terminal or a page holds.

Its verbs are thin: each calls a room and returns what it said.
"""

from fewshot_lab.project._measured import ProjectClassifier
from fewshot_lab.project._project import Project, ProjectInfo

__all__ = ["Project", "ProjectClassifier", "ProjectInfo"]
