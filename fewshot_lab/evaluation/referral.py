"""Why a picture is left to a person, in a clinician's words.

predict.py in a bundle carries this text, so that app and bundle say the same.
"""

from fewshot_lab.words import percent

ANOTHER_KIND, UNLIKE, NOT_ASSURED, CLOSE = "another kind", "unlike", "not assured", "close"
"""The reasons for a referral; the first that holds is given."""

HEADLINE = "Unlike anything labelled"


def referral_sentence(
    reason: str,
    probabilities: dict[str, float],
    *,
    threshold: float | None = None,
    error: float | None = None,
    more_audit: int | None = None,
) -> str:
    """Say why a picture is referred; empty where it is not.

    Parameters
    ----------
    reason : str
        One of the above, or empty.
    probabilities : dict
        Class name to probability.
    threshold : float, optional
        From which probability on the most probable class is decided.
    error : float, optional
        The error wanted among decided pictures.
    more_audit : int, optional
        Audit images that are missing at the least before the error can be assured; None where
        their number alone does not settle it.
    """
    if reason == ANOTHER_KIND:
        return f"{HEADLINE}: another kind of picture, by its light, colours or texture."
    if reason == UNLIKE:
        return f"{HEADLINE}: no labelled image is near, so it may be of a class never named."
    if reason == NOT_ASSURED:
        wanted = "the wanted error" if error is None else f"an error of {100 * error:g} %"
        advice = (
            "label more images, or accept a larger error"
            if not more_audit
            else f"label at least {more_audit:,} more for the audit"
        )
        return f"No threshold can assure {wanted} yet: {advice}."
    if reason == CLOSE:
        ranked = sorted(probabilities.items(), key=lambda item: -item[1])[:2]
        (first, p), (second, q) = ranked
        asked = "" if threshold is None else f"; it is decided from {percent(threshold)} on"
        return f"Too close between {first} ({percent(p)}) and {second} ({percent(q)}){asked}."
    return ""


def referred_sentence(counts: dict[str, int], decision_sentence: str) -> str:
    """Say how many pictures of a pool are referred, and why.

    Parameters
    ----------
    counts : dict
        Reason to pictures; :data:`ANOTHER_KIND` counts as :data:`UNLIKE`.
    decision_sentence : str
        Of :data:`NOT_ASSURED`, as :func:`referral_sentence` gives it.
    """
    if not counts:
        return "No image of the pool is referred."
    words = {
        UNLIKE: "unlike anything labelled",
        NOT_ASSURED: "because no threshold can assure the wanted error yet",
        CLOSE: "because two classes lie close together",
    }
    listed = ", ".join(f"{count:,} {words[reason]}" for reason, count in counts.items())
    more = f" {decision_sentence}" if NOT_ASSURED in counts else ""
    return f"Referred, of the pool's images that did not train: {listed}.{more}"
