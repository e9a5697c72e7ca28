"""How numbers, times and names are written for people, on pages, at the terminal and in reports."""

import difflib
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def count(n: int) -> str:
    """Return 5119 as "5,119"."""
    return f"{n:,}"


def plural(n: int, one: str, many: str | None = None) -> str:
    """Return "1 image", "5,119 images", "2 classes"."""
    return f"{n:,} {one if n == 1 else many or one + ('es' if one.endswith('s') else 's')}"


def percent(p: float, digits: int = 0) -> str:
    """Return 0.934 as "93 %"; what is not quite none or all never reads as 0 or 100."""
    p = round(p, 12)  # a weighted mean of ones is 1, but for the last bits
    value, least = round(100 * p, digits), 10**-digits
    if value >= 100 and p < 1:
        return f">{100 - least:.{digits}f} %"
    if value == 0 and p > 0:
        return f"<{least:g} %"
    return f"{value:.{digits}f} %"


def fine_percent(p: float) -> str:
    """Return 0.784 as "78 %" and 0.046 as "4.6 %", for errors and other small shares."""
    return f"{100 * p:.1f} %" if p < 0.0995 else f"{100 * p:.0f} %"


def share(value: float, low: float, high: float, digits: int = 0) -> str:
    """Return 0.84 as "84 % (80–87)": a share and its interval."""
    return f"{percent(value, digits)} ({100 * low:.{digits}f}–{100 * high:.{digits}f})"


def share_of(estimate: Any, digits: int = 0) -> str:
    """Return :func:`share` of something with value, low and high; of a mapping, too."""
    return share(*_parts_of(estimate), digits)


def limits_of(estimate: Any) -> str:
    """Return the interval alone, "80–87", in percent."""
    _, low, high = _parts_of(estimate)
    return f"{100 * low:.0f}–{100 * high:.0f}"


def _parts_of(estimate: Any) -> tuple[float, float, float]:
    if isinstance(estimate, Mapping):
        return estimate["value"], estimate["low"], estimate["high"]
    return estimate.value, estimate.low, estimate.high


def fine_share(value: float, low: float, high: float) -> str:
    """Return 0.046 as "4.6 % (3.1–6.8)", 0.84 as "84 % (80–87)"."""
    digits = 1 if value < 0.0995 else 0
    return f"{fine_percent(value)} ({100 * low:.{digits}f}–{100 * high:.{digits}f})"


def interval(value: float, low: float, high: float) -> str:
    """Return what is no share, as a kappa: "0.72 (0.61–0.80)", with true minuses."""
    return f"{value:.2f} ({low:.2f}–{high:.2f})".replace("-", "−")


def first_few(names: Sequence[str], most: int = 3) -> str:
    """Return names joined by commas: "a, b, c and 4 more"."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def did_you_mean(
    name: str, choices: Iterable[str], otherwise: str = ".", *, cutoff: float = 0.4
) -> str:
    """Return the end of a sentence: the names closest to one that there is not, if any are."""
    close = difflib.get_close_matches(name, list(choices), n=3, cutoff=cutoff)
    return f"; did you mean {' or '.join(close)}?" if close else otherwise


def shortened(name: str, most: int) -> str:
    """Return a name of at most so many characters, cut in its middle: ends tell names apart."""
    if len(name) <= most:
        return name
    tail = most // 2 - 1
    return f"{name[: most - tail - 1].rstrip()}…{name[-tail:].lstrip()}"


def signed(value: float) -> str:
    """Return -0.42 as "−0.4", 3 as "+3.0", with a true minus; what rounds to none has no sign."""
    text = f"{value:+.1f}"
    return "0.0" if float(text) == 0 else text.replace("-", "−")


def points(share: float) -> str:
    """Return 0.052 as "+5.2"."""
    return signed(100 * share)


def duration(seconds: float) -> str:
    """Return 95 as "2 min", 40 as "40 s", 250,000 as "3 days"."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    hours = seconds / 3600
    if hours >= 48:
        return plural(round(hours / 24), "day")
    return f"{hours:.1f} h" if hours < 10 else f"{round(hours)} h"


def ago(at: float, now: float | None = None) -> str:
    """Return when something was: "just now", "3 hours ago", "12 Mar 2026"."""
    past = (time.time() if now is None else now) - at
    if past < 60:
        return "just now"
    if past < 3600:
        return f"{plural(int(past // 60), 'minute')} ago"
    if past < 86400:
        return f"{plural(int(past // 3600), 'hour')} ago"
    if past < 7 * 86400:
        return f"{plural(int(past // 86400), 'day')} ago"
    return moment(at).partition(",")[0]


def moment(at: float) -> str:
    """Return a day and a time: "12 Mar 2026, 14:05"."""
    local = time.localtime(at)  # %-d, a day without a zero before it, is not known to Windows
    return f"{local.tm_mday} {time.strftime('%b %Y, %H:%M', local)}"


def size(n_bytes: float) -> str:
    """Return 41_000_000 as "41 MB"."""
    for unit in ("B", "kB", "MB"):
        if n_bytes < 1000:
            return _figure(n_bytes, unit)
        n_bytes /= 1000
    return _figure(n_bytes, "GB")


def _figure(n: float, unit: str) -> str:
    return f"{n:.0f} {unit}" if n >= 10 or unit == "B" else f"{n:.1f} {unit}"
