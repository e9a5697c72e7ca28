"""Intervals for images drawn with unequal chances, in groups and in strata."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.stats.intervals import Z95, Interval, balanced, student, wilson

Float = NDArray[np.float64]
BELIEF = 4.0
"""Groups' worth of belief that the images of a group are all right or all wrong: the one group in
ten that a classifier fails in may not have been drawn."""
UNSEEN, UNSEEN_OF_TWO = 0.1, 0.25
"""Images that more misses of a class are given in the variance, in each stratum, since none may
have been drawn; by simulation. In the mean recall of two classes more, of K a (K - 1)² th of it."""


@dataclass(frozen=True)
class Sample:
    """Images drawn at random, and how.

    Attributes
    ----------
    weight : array (m,)
        Images of the pool that each stands for.
    cluster : array (m,) of int
        0 to C - 1, equal for images that stay together: they count as one in the doubt.
    stratum : array (C,) of int
        0 to H - 1, the part of the pool that a cluster was drawn from.
    """

    weight: Float
    cluster: NDArray[np.int64]
    stratum: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        weight: Float,
        groups: NDArray[np.int64] | None = None,
        strata: NDArray[np.int64] | None = None,
    ) -> Sample:
        """Return a sample from groups and strata (m,); a stratum of one group joins another."""
        m = len(weight)
        _, first, cluster = np.unique(
            np.arange(m) if groups is None else groups, return_index=True, return_inverse=True
        )
        if strata is None or not m:
            return cls(weight, cluster, np.zeros(len(first), np.int64))
        _, part = np.unique(strata[first], return_inverse=True)
        part = np.where(np.bincount(part)[part] < 2, -1, part)
        if (part < 0).sum() == 1:
            part = np.where(part < 0, part.max(), part)
        _, part = np.unique(part, return_inverse=True)
        return cls(weight, cluster, part)

    @property
    def plain(self) -> bool:
        """Whether each image is as good as any other: no groups, no strata, equal weights."""
        return (
            len(self.stratum) == len(self.cluster)
            and not self.stratum.any()
            and (len(self.weight) == 0 or bool(np.ptp(self.weight) < 1e-9 * self.weight.max()))
        )

    def variance(self, z: Float, prior: float | None = None) -> float:
        """Return the variance of a total from each cluster's part (C,), within strata.

        Parameters
        ----------
        z : array (C,)
        prior : float, optional
            The variance of one image's part by weight, were there no strata: each stratum's is
            drawn towards it by the weight of one image.
        """
        n = np.bincount(self.stratum)
        total, squares = np.bincount(self.stratum, z), np.bincount(self.stratum, z * z)
        spread = np.maximum(squares - total * total / n, 0)
        if prior is not None:
            return float(spread.sum()) + prior * float((self.one_each() ** 2).sum())
        return float((n / np.maximum(n - 1, 1) * spread).sum())

    def most(self, images: float) -> float:
        """Return the most independent images that these can be worth: strata may add to it."""
        if not self.stratified:
            return images
        return images * min(4.0, 1 + self.free / 30)  # few images cannot prove the gain

    def one_each(self) -> Float:
        """Return the weight of one image of each stratum (H,)."""
        of = self.stratum[self.cluster]
        return np.bincount(of, self.weight) / np.bincount(of)

    @property
    def stratified(self) -> bool:
        """Whether there are strata."""
        return bool(self.stratum.any())

    @property
    def grouped(self) -> bool:
        """Whether some images stay together."""
        return len(self.stratum) < len(self.cluster)

    def inside(self, base: Float) -> int:
        """Return how many clusters have any of some images, given the weights of these."""
        return int((np.bincount(self.cluster, base) > 0).sum())

    def inflation(self, clusters: int) -> float:
        """Return by what a variance grows that rests on a few of the clusters alone."""
        whole = len(self.stratum)
        if clusters < 2 or not self.grouped:
            return 1.0
        return clusters / (clusters - 1) * (whole - 1) / whole

    def believed(self, variance: float, alike: float, clusters: float) -> float:
        """Return a variance drawn towards that of groups alike within, the more the fewer."""
        if not self.grouped:
            return variance
        free = max(clusters - 1.0, 0.0)
        return (free * variance + BELIEF * max(alike, variance)) / (free + BELIEF)

    @property
    def free(self) -> int:
        """Degrees of freedom of the variance."""
        return max(1, len(self.stratum) - (int(self.stratum.max(initial=0)) + 1))


def share(
    hit: NDArray[np.bool_],
    among: NDArray[np.bool_],
    sample: Sample,
    *,
    unseen: bool = False,
    strata_predict: bool = False,
) -> Interval:
    """Return the share of hits among some images of the pool, with its interval.

    The value is the ratio of two weighted totals (Hajek 1971); its variance is linearised, by
    clusters within strata (Särndal, Swensson and Wretman 1992, section 5.7). The interval is
    Wilson's at the number of independent images that would have this variance, lowered by
    Student's t where few images tell what strata gain (Korn and Graubard 1998; Franco et al.
    2019, J. Survey Stat. Methodol. 7, 334-364). That number exceeds Kish's for the images only by
    what strata may gain, and where there are no strata it is never below Kish's for the clusters.
    For a plain sample it is Wilson's interval itself.

    Parameters
    ----------
    hit, among : array (m,) of bool
        For a recall, images predicted right among those of a class.
    sample : Sample
    unseen : bool
        Whether more of those asked about, all of them misses, may be in any stratum: some of an
        image is then added to each in the variance; where no miss was drawn, the images are worth
        no more than as many of the heaviest. (A miss of a rare class is one heavy image in the
        stratum of a common one, and is mostly not drawn.)
    strata_predict : bool
        Whether the strata nearly tell what is counted, as predicted classes tell the class: then
        all that they gain is believed, less the doubt of one image in each.
    """
    m = int(among.sum())
    if not m:
        return Interval(float("nan"), 0.0, 1.0, 0)
    hit = hit & among
    if sample.plain:
        return wilson(float(hit.sum()), float(m))
    base = np.where(among, sample.weight, 0.0)
    size = base.sum()
    value = float(base[hit].sum() / size)
    images, clusters = _kish(base, sample)
    z = np.bincount(sample.cluster, base * (hit - value), minlength=len(sample.stratum)) / size
    smooth = (value * images + 1) / (images + 2)
    # A class may come in a few of the patients alone: they, not all, tell its variance.
    having = sample.inside(base)
    doubted = strata_predict and sample.stratified and not sample.grouped
    prior = smooth * (1 - smooth) / size**2 if doubted else None
    variance = sample.variance(z, prior) * sample.inflation(having)
    variance = sample.believed(variance, smooth * (1 - smooth) / clusters, having)
    if unseen and sample.stratified:
        variance += UNSEEN * float((sample.one_each() ** 2).sum()) * (value / size) ** 2
    # Where there are groups, belief stands for what Student's t would add.
    free = np.inf if sample.grouped else m - 1 if doubted else sample.free
    # A prior against a variance that holds one too, else what was seen against what was seen.
    p = smooth if sample.grouped or doubted else value
    n = p * (1 - p) / variance if variance > 0 else clusters
    # That all are right, or none, says nothing of what the strata gain; that some are not may
    # rest on few images that weigh much.
    some = bool(0 < hit.sum() < m)
    most = images if not some else np.inf if doubted else sample.most(images)
    least = 1.0 if some and sample.stratified and not sample.grouped else clusters
    if unseen and sample.stratified and hit.sum() == m:
        # A miss that was not drawn may be one of those that stand for most images.
        least = most = min(clusters, size / sample.one_each().max())
    # Not squared: the bounds hold a part of the doubt already.
    n = float(np.clip(n * Z95 / student(free), least, most))
    return wilson(value * n, n, images=m)


def mean_recall(y: NDArray[np.int64], predicted: NDArray[np.int64], sample: Sample) -> Interval:
    """Return the mean recall over the classes that came, with its interval.

    See :func:`mean_rate`.
    """
    return mean_rate(y, (y == predicted).astype(np.float64), sample)


def mean_rate(y: NDArray[np.int64], hit: Float, sample: Sample) -> Interval:
    """Return the mean over the classes that came of how often images were right (0 to 1).

    As :func:`share`; images of one patient are of several classes, so the variance is that of the
    mean of all recalls together. It is never taken to be less than that of independent images
    with a prior half success and half failure a class (that all are right proves little), nor to
    be more than that of groups of which each is all right or all wrong, in all classes.

    Where there are strata, the misses of a rare class weigh much, and few of them tell the
    variance: the degrees of freedom follow from the fourth powers of the parts, and some of an
    image more is added for misses that none was drawn of.
    """
    classes, k_of = np.unique(y, return_inverse=True)
    K, m = len(classes), len(y)
    if not m:
        return Interval(float("nan"), 0.0, 1.0, 0)
    if sample.plain:
        n = np.bincount(k_of).astype(np.float64)
        return balanced(np.bincount(k_of, hit).astype(np.float64), n, images=m)
    size = np.bincount(k_of, sample.weight)
    recall = np.bincount(k_of, sample.weight * hit) / size
    part = sample.weight * (hit - recall[k_of]) / size[k_of] / K
    z = np.bincount(sample.cluster, part, minlength=len(sample.stratum)).astype(np.float64)
    images, clusters = np.empty(K), np.empty(K)
    for k in range(K):
        images[k], clusters[k] = _kish(np.where(k_of == k, sample.weight, 0.0), sample)
    smooth = (recall * images + 0.5) / (images + 1)
    each = smooth * (1 - smooth) / K**2
    low, high = float((each / images).sum()), float(np.sqrt(each / clusters).sum() ** 2)
    variance = sample.variance(z)
    if sample.grouped:
        variance += _few_clusters(k_of, part, each, sample)
        # Half-way between classes that fail each by itself and classes that fail together.
        alike = (float((each / clusters).sum()) + high) / 2
        variance = min(sample.believed(variance, alike, len(sample.stratum)), high)
    elif variance > 0:
        variance *= student(2 * variance**2 / float((z**4).sum())) / Z95
    if sample.stratified and K > 1:
        miss = float(((recall / size / K) ** 2).sum())
        variance += UNSEEN_OF_TWO / (K - 1) ** 2 * float((sample.one_each() ** 2).sum()) * miss
    variance = max(variance, low)
    middle = float(smooth.mean())
    worth = middle * (1 - middle) / variance
    return wilson(float(recall.mean()) * worth, worth, images=m)


def _few_clusters(k_of: NDArray[np.int64], part: Float, each: Float, sample: Sample) -> float:
    """Return what the variance of a mean recall lacks where a class comes in few clusters.

    One that comes in a single cluster shows no variance between clusters at all: it is given that
    of a single image.
    """
    more = 0.0
    for k in range(len(each)):
        in_class = k_of == k
        having = sample.inside(in_class.astype(np.float64))
        z = np.bincount(sample.cluster, part * in_class, minlength=len(sample.stratum))
        own = sample.variance(z.astype(np.float64))
        more += own * (sample.inflation(having) - 1) if having > 1 else float(each[k]) - own
    return more


def _kish(base: Float, sample: Sample) -> tuple[float, float]:
    """Return how many images, and clusters, of equal weight these are worth (Kish 1965)."""
    by_cluster = np.bincount(sample.cluster, base)
    square = base.sum() ** 2
    return float(square / (base**2).sum()), float(square / (by_cluster**2).sum())
