"""How good one answer for each patient is, as figures and in sentences."""

from dataclasses import asdict, dataclass
from typing import Any

from fewshot_lab.evaluation import GroupFigures, RuleComparison
from fewshot_lab.files import finite
from fewshot_lab.words import percent, share_of

RULE_WORDS = {
    "log_odds": "the mean of its images' log-odds",
    "share": "the class of most of its images",
    "worst": "the worst class that one of its images reaches",
}


@dataclass(frozen=True)
class PatientFigures:
    """What is known of the answers for patients.

    Attributes
    ----------
    by : {"majority", "worst"}
        What makes a patient's own class of the labels of its images.
    names : list of str
        The classes, in the order of the classifier's columns.
    colours : list of str
    comparison : RuleComparison
    audit : GroupFigures or None
        On patients drawn at random, none of whose images trained; None for few of them.
    shown, all_images : float
        How many images of a patient were labelled and left out, and how many there are: medians.
    without : int
        Labelled images that belong to no patient.
    """

    by: str
    names: list[str]
    colours: list[str]
    comparison: RuleComparison
    audit: GroupFigures | None
    shown: float
    all_images: float
    without: int

    @property
    def sentence(self) -> str:
        """Say which rule was chosen, why, and how good it is."""
        chosen, figures = self.comparison.chosen, self.comparison.figures
        rates = self.comparison.by_rule
        noun, rule = chosen.noun, chosen.rule
        others = ", ".join(
            f"{RULE_WORDS[name]} {percent(rate.value)}"
            for name, rate in rates.items()
            if name != rule
        )
        why = (
            f"no other way is better by more than chance explains ({others})"
            if rule == "log_odds"
            else f"that is better than {RULE_WORDS['log_odds']} by more than chance explains "
            f"({others})"
        )
        return (
            f"One answer for each {noun}, by {RULE_WORDS[rule]} ({figures.balanced_title.lower()} "
            f"{percent(rates[rule].value)}): {why}. It is right for "
            f"{share_of(figures.accuracy)} of {figures.accuracy.n:,} {noun}s left out in "
            f"cross-validation; image by image, {share_of(figures.image_accuracy)} of their "
            f"{figures.images:,} images are."
        )

    @property
    def truth(self) -> str:
        """Say what a patient's own class is."""
        noun = self.comparison.chosen.noun
        mixed = self.comparison.figures.mixed
        how = (
            "that of most of its labelled images"
            if self.by == "majority"
            else "the worst among its labelled images"
        )
        ranking = " < ".join(self.names[k] for k in self.comparison.chosen.ranking)
        words = f"A {noun}'s own class is {how}"
        words += f"; {mixed:,} {noun}s have labels of several classes" if mixed else ""
        return f"{words}. From the mildest class to the worst: {ranking}."

    @property
    def caution(self) -> str:
        """Say which classes were not tested, and where more images would answer otherwise."""
        return " ".join(filter(None, (self._untested(), self._more_images())))

    def _untested(self) -> str:
        recall = self.comparison.figures.recall
        without = [self.names[k] for k, each in recall.items() if not each.n]
        return (
            f"No {self.comparison.chosen.noun} left out has this class, so it was not tested: "
            f"{', '.join(without)}."
            if without
            else ""
        )

    def _more_images(self) -> str:
        chosen = self.comparison.chosen
        if chosen.rule != "worst" or self.all_images < 1.5 * self.shown:
            return ""
        return (
            f"Measured on {self.shown:g} labelled images of a {chosen.noun} (median), which has "
            f"{self.all_images:g}: the more images, the likelier one of them reaches a worse "
            f"class. Label all images of some {chosen.noun}s to measure that."
        )

    @property
    def on_audit(self) -> str:
        """Say how good it is on patients drawn at random; "" where there are none."""
        if self.audit is None:
            return ""
        noun = self.comparison.chosen.noun
        return (
            f"On {self.audit.accuracy.n:,} {noun}s of the audit set, drawn at random, it is right "
            f"for {share_of(self.audit.accuracy)}."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it; metrics.json, report and card show this."""
        figures = self.comparison.figures
        report = {
            "noun": self.comparison.chosen.noun,
            "rule": self.comparison.chosen.rule,
            "own_class": self.by,
            "by_rule": {name: asdict(rate) for name, rate in self.comparison.by_rule.items()},
            **self._measured(figures),
            "audit": None if self.audit is None else self._measured(self.audit),
            "without": self.without,
            "sentence": self.sentence,
            "truth": self.truth,
            "on_audit": self.on_audit,
            "caution": self.caution,
        }
        return dict(finite(report))

    def _measured(self, figures: GroupFigures) -> dict[str, Any]:
        return {
            "accuracy": asdict(figures.accuracy),
            "balanced_accuracy": asdict(figures.balanced_accuracy),
            "balanced_title": figures.balanced_title,
            "recall": {self.names[k]: asdict(v) for k, v in figures.recall.items()},
            "confusion": {"classes": self.names, "counts": figures.confusion.tolist()},
            "mixed": figures.mixed,
            "images": figures.images,
            "image_accuracy": asdict(figures.image_accuracy),
        }
