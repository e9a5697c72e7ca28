"""A project's audit set, its people, its export, and what its probabilities are worth."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fewshot_lab.core import ProjectCore, TrainedClassifier
from fewshot_lab.progress import Progress, silent

if TYPE_CHECKING:
    from fewshot_lab.audit import AuditSet
    from fewshot_lab.evaluation import Settings
    from fewshot_lab.export import BundleReport
    from fewshot_lab.people import PeopleReport, ProjectLots


class ProjectClassifier(TrainedClassifier):
    """A fitted classifier with the project it belongs to, ready to be taken away."""

    def export(
        self,
        folder: Path | str,
        *,
        as_zip: bool = False,
        licence_accepted: bool = False,
        accepted_by: str = "",
        progress: Progress = silent,
    ) -> BundleReport:
        """Write the bundle; see :func:`fewshot_lab.export.export_bundle`."""
        from fewshot_lab.export import export_bundle

        return export_bundle(
            self.project,
            Path(folder),
            classifier=self,
            zip=as_zip,
            licence_accepted=licence_accepted,
            accepted_by=accepted_by,
            progress=progress,
        )


class WithFigures(ProjectCore):
    """Audit set, people, export and report of a :class:`Project`."""

    @cached_property
    def audit(self) -> AuditSet:
        """The images drawn at random, to measure and never to train."""
        from fewshot_lab.audit import AuditSet

        return AuditSet(self)

    @cached_property
    def lots(self) -> ProjectLots:
        """Who labels which image, where several share the project."""
        from fewshot_lab.people import ProjectLots

        return ProjectLots(self)

    def people(self) -> PeopleReport:
        """Return who labelled what, how far people agree, and what seeing predictions did."""
        from fewshot_lab.people import people_report

        return people_report(self)

    def fit(self, name: str | None = None) -> ProjectClassifier:
        """Fit a classifier on the labels, one that can export itself.

        Parameters and errors are those of :meth:`fewshot_lab.core.ProjectCore.fit`.
        """
        trained = super().fit(name)
        return ProjectClassifier(self, trained.fitted, trained.training)

    def export(
        self,
        folder: Path | str,
        *,
        as_zip: bool = False,
        licence_accepted: bool = False,
        accepted_by: str = "",
        progress: Progress = silent,
    ) -> BundleReport:
        """Fit and write the bundle; see :func:`fewshot_lab.export.export_bundle`."""
        from fewshot_lab.export import check_backbone

        check_backbone(self.backbone.card, licence_accepted)  # or refuse, before anything is fitted
        return self.fit().export(
            folder,
            as_zip=as_zip,
            licence_accepted=licence_accepted,
            accepted_by=accepted_by,
            progress=progress,
        )

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
        from fewshot_lab.export import told_of

        return told_of(self, self.fit(), settings)

    def keep_probabilities(self, settings: Mapping[str, Any]) -> None:
        """Keep how probabilities are to be acted on: for the pages, the report and the bundle."""
        from fewshot_lab.evaluation import Settings

        self.store.set("probabilities", Settings.of(settings).to_dict())

    def report(self, out: Path | str, *, progress: Progress = silent) -> dict[str, Any]:
        """Write the report as one HTML file; see :func:`fewshot_lab.export.write_report`."""
        from fewshot_lab.export import write_report

        return write_report(self, out, progress=progress)
