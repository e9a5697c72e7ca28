"""Whether a download could work, found out before anything starts."""

import hashlib
import os
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.home import home
from fewshot_lab.progress import Progress, silent

PATIENCE = 4.0
"""Seconds after which a host counts as out of reach."""

MEMORY = 20.0
_answers: dict[str, tuple[float, bool]] = {}


def downloads() -> Path:
    """Return the folder for downloaded checkpoints, beside the projects. Not created here."""
    return home() / ".backbones"


def reachable(url: str) -> bool:
    """Return whether a host answers within :data:`PATIENCE` seconds.

    Any answer counts, a refusal too: it shows that there is a network. Proxies of the environment
    are used. Remembered for :data:`MEMORY` seconds, because a list asks for each of its rows.
    """
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        return False
    asked, answer = _answers.get(url, (-MEMORY, False))
    if time.monotonic() - asked > MEMORY:
        answer = _answers_now(url)
        _answers[url] = (time.monotonic(), answer)
    return answer


def _answers_now(url: str) -> bool:
    answered = threading.Event()

    def ask() -> None:
        request = urllib.request.Request(url, method="HEAD")
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE):
                answered.set()
        except urllib.error.HTTPError:
            answered.set()
        except (OSError, ValueError):
            return

    # In a thread of its own, because looking up a name knows no time limit.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PATIENCE + 0.5)
    return answered.is_set()


def download(
    url: str, target: Path, *, md5: frozenset[str] = frozenset(), progress: Progress = silent
) -> None:
    """Download a file whole or not at all.

    Parameters
    ----------
    url
        Where from.
    target
        Where to; written beside and renamed when complete.
    md5
        Digests of which the file must have one; empty for no check.
    progress
        Told the bytes so far.

    Raises
    ------
    FewshotLabError
        If it fails or the digest is another.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")
    digest = hashlib.md5(usedforsecurity=False)
    try:
        with urllib.request.urlopen(url, timeout=30) as answer, beside.open("wb") as file:
            total = int(answer.headers.get("Content-Length") or 0) or None
            done = 0
            while block := answer.read(1 << 20):
                file.write(block)
                digest.update(block)
                done += len(block)
                progress("downloading", done, total)
            file.flush()
            os.fsync(file.fileno())
        if total is not None and done != total:
            raise FewshotLabError(f"The download of {target.name} was interrupted; start it again.")
        if md5 and digest.hexdigest() not in md5:
            raise FewshotLabError(
                f"{target.name} arrived with md5 {digest.hexdigest()}, which is none of the "
                "published ones, so it was deleted."
            )
        beside.replace(target)
    except OSError as error:
        raise FewshotLabError(f"{target.name} could not be downloaded: {error}.") from error
    finally:
        beside.unlink(missing_ok=True)
