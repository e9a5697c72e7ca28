"""How right a classifier is on labelled images of another place, beside how right it is at home."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from fewshot_lab.stats import Interval, Sample, interval_difference, share
from fewshot_lab.words import first_few


@dataclass(frozen=True)
class SiteAudit:
    """What images drawn at random at another site say.

    Attributes
    ----------
    site : str
    accuracy : Interval
        Share predicted right there.
    home : Interval or None
        The same on the project's own audit images; None without any.
    lower : Interval or None
        By how much it is lower there.
    unknown : tuple of str
        Labels that the classifier has no class for.
    """

    site: str
    accuracy: Interval
    home: Interval | None
    lower: Interval | None
    unknown: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """What it says, in words."""
        if not self.unknown:
            return self._compared
        others = first_few(self.unknown, 5)
        return f"{self._compared} Not a class of the classifier, so counted as wrong: {others}."

    @property
    def _compared(self) -> str:
        here = f"At {self.site} it is right in {_words(self.accuracy)}"
        if self.home is None or self.lower is None:
            return f"{here}. No audit image has been labelled at home to compare with."
        home = f"at home in {_words(self.home)}"
        if self.lower.low > 0:
            by = f"{100 * self.lower.low:.0f} to {100 * self.lower.high:.0f} points lower there"
        elif self.lower.high < 0:
            by = f"{-100 * self.lower.high:.0f} to {-100 * self.lower.low:.0f} points higher there"
        else:
            by = "so few images do not tell the two apart"
        return f"{here}, {home}: {by}."


def site_audit(
    site: str,
    labelled: Mapping[str, str],
    predicted: Mapping[str, str],
    home: Interval | None,
    groups: Mapping[str, str] | None = None,
    classes: Iterable[str] | None = None,
) -> SiteAudit:
    """Compare labels and predictions of images of a site, by path.

    Parameters
    ----------
    site : str
    labelled, predicted : dict
        Path to class name. A class that is never predicted counts as wrong.
    home : Interval or None
        Accuracy on the project's own audit images.
    groups : dict, optional
        Path to patient: images of one do not count as independent.
    classes : iterable of str, optional
        Those of the classifier.
    """
    paths = sorted(labelled.keys() & predicted.keys())
    hit = np.array([labelled[p].casefold() == predicted[p].casefold() for p in paths], dtype=bool)
    codes = None
    if groups:
        codes = np.unique([groups.get(p, p) for p in paths], return_inverse=True)[1]
    everything = np.ones(len(paths), dtype=bool)
    accuracy = share(hit, everything, Sample.of(np.ones(len(paths)), codes))
    lower = None
    if home is not None and home.n and accuracy.n:
        lower = interval_difference([home], [accuracy])
    names = labelled.values() if classes is None else classes
    class_names = {name.casefold() for name in names}
    unknown = sorted({labelled[p] for p in paths if labelled[p].casefold() not in class_names})
    return SiteAudit(site, accuracy, home, lower, tuple(unknown))


def _words(i: Interval) -> str:
    low, high = 100 * i.low, 100 * i.high
    return f"{100 * i.value:.0f} % ({low:.0f}–{high:.0f}, n = {i.n:,})"
