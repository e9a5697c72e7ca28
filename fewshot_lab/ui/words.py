"""How numbers, times and names are written on every page."""

import time
from html import escape

__all__ = [
    "ago",
    "count",
    "duration",
    "escape",
    "interval",
    "percent",
    "plain",
    "plural",
    "points",
    "shortened",
    "signed",
    "size",
]


def count(n: int) -> str:
    """Return 5119 as "5,119"."""
    return f"{n:,}"


def plain(text: str) -> str:
    """Return text that Markdown shows as it is."""
    for sign in "\\`*_{}[]()#+-.!|<>~:$":
        text = text.replace(sign, "\\" + sign)
    return text


def plural(n: int, one: str, many: str | None = None) -> str:
    """Return "1 image", "5,119 images"."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def percent(p: float) -> str:
    """Return 0.934 as "93 %"; what is not quite none or all never reads as 0 or 100."""
    value = round(100 * p)
    if value == 100 and p < 1:
        return ">99 %"
    if value == 0 and p > 0:
        return "<1 %"
    return f"{value} %"


def interval(value: float, low: float, high: float) -> str:
    """Return "0.84 (0.80–0.87)", with true minuses."""
    return f"{value:.2f} ({low:.2f}–{high:.2f})".replace("-", "−")


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
    """Return 95 as "2 min", 40 as "40 s"."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    hours = seconds / 3600
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
    return time.strftime("%-d %b %Y", time.localtime(at))


def size(n_bytes: float) -> str:
    """Return 41_000_000 as "41 MB"."""
    for unit in ("B", "kB", "MB", "GB"):
        if n_bytes < 1000 or unit == "GB":
            return (
                f"{n_bytes:.0f} {unit}" if n_bytes >= 10 or unit == "B" else f"{n_bytes:.1f} {unit}"
            )
        n_bytes /= 1000
    raise AssertionError
