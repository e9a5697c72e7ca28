"""Several annotators on one project: what is agreed, whose images are whose, how far they agree."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from fewshot_lab.project.agreement import people_report
from fewshot_lab.project.agreement_report import PeopleReport
from fewshot_lab.project.assignment import Assignment

if TYPE_CHECKING:
    from fewshot_lab.project.training import ProjectCore
    from fewshot_lab.store import Team


class ProjectTeam:
    """The annotators of a project."""

    def __init__(self, project: ProjectCore) -> None:
        self._project = project

    def agree(self, annotator: str, **changes: Any) -> Team:
        """Set how several annotators share the project; fields not given stay.

        Parameters
        ----------
        annotator : str
            Who makes the change; kept in the log with the time.
        changes
            Fields of :class:`fewshot_lab.store.Team`.

        Raises
        ------
        FewshotLabError
            A value is not possible.
        """
        team = replace(self._project.store.team(), **changes)
        self._project.store.set_team(team, annotator)
        return team

    @cached_property
    def assignment(self) -> Assignment:
        """Who labels which image, where several share the project."""
        return Assignment(self._project)

    def report(self) -> PeopleReport:
        """Return who labelled what, their agreement, and the effect of seeing predictions."""
        return people_report(self._project)
