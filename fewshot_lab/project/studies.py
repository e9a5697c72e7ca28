"""Longer studies of a project: few-shot curves, replays, comparisons, advice."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.progress import Progress, silent

if TYPE_CHECKING:
    from fewshot_lab.evaluation import Advice, Protocol, ReplayPlan, Settings
    from fewshot_lab.project.training import ProjectCore


class Studies:
    """Longer studies of a project; the newest of each kind is kept for the pages."""

    def __init__(self, project: ProjectCore) -> None:
        self._project = project

    def few_shot(
        self,
        backbones: Sequence[str] | None = None,
        *,
        protocol: Protocol | None = None,
        labels: str = "reference",
        split_csv: Path | None = None,
        reference: str | None = None,
        progress: Progress = silent,
    ) -> dict[str, Any]:
        """Return the few-shot curve of Nielsen et al. on the project's images.

        Parameters
        ----------
        backbones : sequence of str, optional
            Names of backbones that have embedded the images; the one in use by default.
        protocol : Protocol, optional
        labels : {"reference", "own"}
            Reference labels, or the annotators' labels (those of the audit set too).
        split_csv : Path, optional
            A CSV with the columns ``path`` and ``split``: train (drawn from) or test. Without it
            the project's test set is tested on, or a third of each class.
        reference : str, optional
            Which of the paper's data sets this is, or "none"; by default recognised by the classes.

        Raises
        ------
        FewshotLabError
        Stopped
        """
        from fewshot_lab.project.few_shot_study import nshot_of

        return nshot_of(
            self._project,
            backbones,
            protocol=protocol,
            labels=labels,
            split_csv=split_csv,
            reference=reference,
            progress=progress,
        )

    def replay(
        self, *, plan: ReplayPlan | None = None, labels: str = "own", progress: Progress = silent
    ) -> dict[str, Any]:
        """Return how many labels each suggestion strategy would have needed, against random.

        Parameters
        ----------
        plan : ReplayPlan, optional
        labels : {"own", "reference"}
            The labels taken as true.
        """
        from fewshot_lab.project.kept_studies import remember
        from fewshot_lab.project.replay_study import replay_of
        from fewshot_lab.project.suggestion_strategy import take_evidence

        costs = replay_of(self._project, plan=plan, labels=labels, progress=progress)
        remember(self._project, "replay", costs)
        take_evidence(self._project, costs)
        return costs

    def compare(
        self,
        backbones: Sequence[str],
        *,
        protocol: Protocol | None = None,
        labels: str = "reference",
        progress: Progress = silent,
    ) -> dict[str, Any]:
        """Compare backbones on the same labels and draws, with what they cost in seconds.

        Images that one of them has not embedded yet are embedded first.
        """
        from fewshot_lab.project.backbone_comparison import backbones_of
        from fewshot_lab.project.kept_studies import remember

        result = backbones_of(
            self._project, backbones, protocol=protocol, labels=labels, progress=progress
        )
        remember(self._project, "backbones", result)
        return result

    def advise(self) -> Advice:
        """Measure the learning curve of the labels, and predict the gain of the next ones."""
        from fewshot_lab.project.advice import advise

        return advise(self._project, self._project.fit().fitted)

    def probabilities(self, settings: Settings | None = None) -> dict[str, Any]:
        """Return the quality of the probabilities: calibration, threshold, sets, unlike images.

        Parameters
        ----------
        settings : Settings, optional
            The project's own by default.

        Raises
        ------
        FewshotLabError
            With labels of fewer than two classes, or none that could be held out.
        """
        from fewshot_lab.project.probability_report import probabilities_report

        return probabilities_report(self._project, self._project.fit(), settings)

    def confounding(self, columns: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """Return whether the classifier uses the disease, or a site, scanner or stain.

        Parameters
        ----------
        columns : sequence of str, optional
            By default those named in the project.

        Raises
        ------
        FewshotLabError
            Fewer than two classes have labels, a column is unknown, or none is named.
        """
        from fewshot_lab.project.confounders import confounders_of, confounding_of

        columns = confounders_of(self._project) if columns is None else columns
        if not columns:
            raise FewshotLabError(
                "No suspected confounder is named: choose a column that says site, scanner, "
                "stain, batch, age or sex."
            )
        classifier = self._project.fit()
        return confounding_of(self._project, classifier.fitted, classifier.training.ids, columns)
