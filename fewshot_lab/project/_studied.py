"""Longer studies of a project: pretraining, few-shot curves, replays, comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fewshot_lab.progress import Progress, silent
from fewshot_lab.project._measured import WithFigures

if TYPE_CHECKING:
    from fewshot_lab.evaluation import Advice, Protocol, ReplayPlan
    from fewshot_lab.runs import Run, Where


class WithStudies(WithFigures):
    """Pretraining and studies of a :class:`Project`."""

    def pretrain(
        self,
        *,
        backbone: str | None = None,
        start: str = "imagenet",
        modality: str | None = None,
        steps: int | None = None,
        epochs: float | None = None,
        batch_size: int | None = None,
        device: str = "cpu",
        nproc: int = 1,
        name: str | None = None,
        where: Where | None = None,
        detach: bool = False,
        progress: Progress = silent,
        **values: Any,
    ) -> Run:
        """Pretrain a backbone on the images by DINO; labels serve to check whether it helps.

        Parameters
        ----------
        backbone, start, modality, steps, epochs, batch_size
            See :class:`fewshot_lab.pretrain.Recipe`; what is None is chosen by the size of the
            data.
        device : str
            "cpu" or "cuda".
        nproc : int
            Processes, one for each GPU; more than one are always detached.
        name : str, optional
            Of the run.
        where : tuple of str and set of str, optional
            Only images with one of these values in this column: ``("stain", {"HE", "PAS"})``.
        detach : bool
            Return at once, while processes of their own train.
        values
            Any other value of the recipe.

        Returns
        -------
        Run
            ``run.backbone`` is the file; ``embed(backbone=f"run:{run.name}")`` uses it.

        Raises
        ------
        FewshotLabError
            For what cannot work, before anything starts.
        Stopped
        """
        from fewshot_lab.runs import images_of, launch_run, prepare_run, ready, recommend, run_rank

        images = images_of([self], where=where)
        advice = recommend(
            len(images[0]),
            backbone=backbone,
            start=start,
            modality=modality,
            steps=steps,
            epochs=epochs,
            batch_size=batch_size,
            device=device,
            values=values,
        )
        run = prepare_run(
            [self],
            advice,
            name=name,
            device=device,
            nproc=nproc,
            images=images,
            where=where,
        )
        if detach or nproc > 1:
            launch_run(run)
        else:
            ready(run)
            run_rank(run.folder, also=progress)
        return run

    def nshot(
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
            That have embedded the images; the one in use by default.
        protocol : Protocol, optional
        labels : {"reference", "own"}
            Reference labels, or what people said here (the audit set's labels, too).
        split_csv : Path, optional
            A CSV with the columns ``path`` and ``split``: train (drawn from) or test. Without it
            the project's test set is tested on, or a third of each class.
        reference : str, optional
            Which of the paper's data sets this is, "none" for none; guessed by the classes.

        Raises
        ------
        FewshotLabError
        Stopped
        """
        from fewshot_lab.studies import nshot_of

        return nshot_of(
            self,
            backbones,
            protocol=protocol,
            labels=labels,
            split_csv=split_csv,
            reference=reference,
            progress=progress,
        )

    def replay(
        self,
        *,
        plan: ReplayPlan | None = None,
        labels: str = "own",
        progress: Progress = silent,
    ) -> dict[str, Any]:
        """Return what each suggestion strategy would have cost in labels, against random.

        Parameters
        ----------
        plan : ReplayPlan, optional
        labels : {"own", "reference"}
            What is held to be true, and labelled again.
        """
        from fewshot_lab.studies import remember, replay_of, take_evidence

        found = replay_of(self, plan=plan, labels=labels, progress=progress)
        remember(self, "replay", found)
        take_evidence(self, found)
        return found

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
        from fewshot_lab.studies import backbones_of, remember

        found = backbones_of(self, backbones, protocol=protocol, labels=labels, progress=progress)
        remember(self, "backbones", found)
        return found

    def advise(self) -> Advice:
        """Measure the learning curve of the labels, and say what the next ones are worth."""
        from fewshot_lab.studies import advise

        fitted = self.fit().fitted
        return advise(self, fitted)
