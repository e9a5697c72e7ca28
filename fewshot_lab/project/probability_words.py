"""What a project's probabilities are worth, in sentences."""

from fewshot_lab.evaluation import NOT_ASSURED, Probabilities, referral_sentence, referred_sentence
from fewshot_lab.stats import Interval
from fewshot_lab.words import fine_percent, fine_share, percent


def between(interval: Interval) -> str:
    """Return "78 % (71-84)"."""
    return fine_share(interval.value, interval.low, interval.high)


def reliability_words(probabilities: Probabilities) -> str:
    """Say how far the probabilities are off."""
    error = probabilities.reliability.error
    seen = probabilities.reliability
    lean = seen.confidence - seen.accuracy
    words = (
        f"Probabilities are off by {fine_percent(error.value)} on average "
        f"({100 * error.low:.1f}–{100 * error.high:.1f}), n = {error.n:,}"
    )
    if error.low <= 0:
        return f"{words}: within what chance can cause."
    if abs(lean) < 0.01:
        return f"{words}: on the whole neither too sure nor too unsure."
    way = "sure" if lean > 0 else "unsure"
    return f"{words}: on the whole too {way} by {fine_percent(abs(lean))}."


def threshold_words(probabilities: Probabilities) -> tuple[str, ...]:
    """Say what is decided, at which error, and how sure that is."""
    threshold, source = probabilities.threshold, probabilities.evidence.source
    target = f"{100 * threshold.target:g} %"
    each = " for each predicted class" if probabilities.by_class else ""
    weighed = probabilities.decision.costs is not None
    costed = ", errors counted as often as they cost," if weighed else ""
    if threshold.rule == "none":
        return (
            f"At {target} error{costed} nothing can be decided: no threshold keeps the error "
            f"among decided images that low ({probabilities.evidence.words}).",
            f"{threshold.least:,} audit images decided without one error would be the least to "
            f"assure {target}.",
        )
    first = (
        f"At {target} error{each}{costed} it decides {between(threshold.coverage)} of images "
        "and refers the rest."
    )
    seen = (
        f"Among the decided, {between(threshold.error)} were wrong, "
        f"n = {threshold.error.n:,}, {probabilities.evidence.words}."
    )
    if threshold.rule == "assured":
        last = f"With 95 % confidence the true error{costed} is at most {target}."
        if probabilities.estimated is not None and probabilities.estimated.rule == "estimated":
            last += f" Estimated only, it would decide {between(probabilities.estimated.coverage)}."
    elif source == "audit":
        last = (
            f"This is an estimate: for {target} to be assured with 95 % confidence, more audit "
            f"labels are needed ({threshold.least:,} decided without one error at the least)."
        )
    else:
        last = (
            "This is an estimate on images that were not drawn at random: label audit images "
            "before it is relied on."
        )
    return first, seen, last


def referred_words(probabilities: Probabilities) -> str:
    """Say how many images of the pool are referred, and why."""
    decision = probabilities.decision
    not_assured = referral_sentence(
        NOT_ASSURED, {}, error=decision.target_error, more_audit=decision.more_audit
    )
    return referred_sentence(probabilities.referred, not_assured)


def sets_words(probabilities: Probabilities) -> tuple[str, ...]:
    """Say what the prediction sets promise, and for which images."""
    sets = probabilities.sets
    each = ", for each class" if sets.per_class else ""
    first = (
        f"Sets that hold the true class {fine_percent(sets.promised)} of the time{each} have "
        f"{sets.size:.2f} classes on average; {fine_percent(sets.single)} have one."
    )
    if probabilities.evidence.source == "audit":
        second = (
            f"Calibrated {probabilities.evidence.words}: for images from the same source as the "
            f"pool the coverage lies between {fine_percent(sets.coverage.low)} and "
            f"{fine_percent(sets.coverage.high)}. For images of another source nothing is promised."
        )
        return first, second
    second = (
        f"Calibrated {probabilities.evidence.words}: these are not exchangeable with the pool, so "
        "nothing is promised."
    )
    if probabilities.sets_measured is not None:
        second += (
            f" On {probabilities.sets_measured.n:,} audit images the sets held the true class in "
            f"{between(probabilities.sets_measured)}."
        )
    return first, second


def unlike_words(probabilities: Probabilities) -> str:
    """Say how many of the pool's images are unlike the labelled ones."""
    reference = probabilities.decision.reference
    if reference is None:
        return "Images unlike anything labelled are not looked for."
    kind, other = probabilities.decision.kind, ""
    if kind is not None:
        stages = sum(level.columns is not None for level in kind.levels)
        seen = ["light, colours and sharpness"] if kind.needs_statistics else []
        seen += [f"{stages} inner stages of the network"] if stages else []
        other = f", or as another kind of picture by {' and by '.join(seen)}"
    which = {1: "most similar", 2: "second most similar", 3: "third most similar"}.get(
        reference.k, f"{reference.k}th most similar"
    )
    by = f"similarity to the {which} labelled image below {percent(reference.cutoff)}{other}"
    share = probabilities.unlike
    if not share.n:
        return f"An image is flagged by its {by}; every image of this pool trains."
    of = f"of the pool's {share.n:,} images that did not train are flagged"
    return f"{between(share)} {of}, by {by}."
