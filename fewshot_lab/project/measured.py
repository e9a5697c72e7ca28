"""A project's audit set, its people, and what its probabilities are worth."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from fewshot_lab.project.training import ProjectCore

if TYPE_CHECKING:
    from fewshot_lab.evaluation import Settings
    from fewshot_lab.project.agreement_report import PeopleReport
    from fewshot_lab.project.assignment import ProjectLots
    from fewshot_lab.project.audit_set import AuditSet


class WithFigures(ProjectCore):
    """Audit set and people of a :class:`Project`."""

    @cached_property
    def audit(self) -> AuditSet:
        """The images drawn at random, to measure and never to train."""
        from fewshot_lab.project.audit_set import AuditSet

        return AuditSet(self)

    @cached_property
    def lots(self) -> ProjectLots:
        """Who labels which image, where several share the project."""
        from fewshot_lab.project.assignment import ProjectLots

        return ProjectLots(self)

    def people(self) -> PeopleReport:
        """Return who labelled what, how far people agree, and what seeing predictions did."""
        from fewshot_lab.project.agreement_report import people_report

        return people_report(self)

    def probabilities(self, settings: Settings | None = None) -> dict[str, Any]:
        """Return what the probabilities are worth: calibration, threshold, sets, unlike images.

        Parameters
        ----------
        settings : Settings, optional
            The project's own where they are not given.

        Raises
        ------
        FewshotLabError
            With labels of fewer than two classes, or none that could be held out.
        """
        from fewshot_lab.project.probabilities import told_of

        return told_of(self, self.fit(), settings)

    def keep_probabilities(self, settings: Mapping[str, Any]) -> None:
        """Keep how probabilities are to be acted on: for the pages, the report and the bundle."""
        from fewshot_lab.evaluation import Settings

        self.store.set("probabilities", Settings.of(settings).to_dict())
