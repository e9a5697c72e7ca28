"""The Hugging Face hub: what of it is on this machine, and fetching one file when asked."""

from __future__ import annotations

from pathlib import Path

from fewshot_lab.backbones.card import Card
from fewshot_lab.backbones.downloads import reachable
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.progress import Progress


def in_cache(repository: str, file: str) -> Path | None:
    """Return a file of a repository in the hub's cache on this machine."""
    from huggingface_hub import try_to_load_from_cache

    path = try_to_load_from_cache(repository, file)
    return Path(path) if isinstance(path, str) else None


def obtainable(card: Card, otherwise: str) -> tuple[bool, str]:
    """Return whether weights that are not here could be downloaded now, and a sentence.

    Parameters
    ----------
    otherwise
        What to do where they could not.
    """
    from huggingface_hub import get_token
    from huggingface_hub.constants import ENDPOINT

    size = f"{card.size_mb:,.0f} MB"
    if not reachable(ENDPOINT):
        return False, (
            f"{card.title} must be downloaded once ({size}) and there is no network; {otherwise}."
        )
    if card.gated and get_token() is None:
        return False, (
            f"Access to {card.title} must be asked for: do so on the page of {card.source} at the "
            f"Hugging Face hub, then give your token with 'hf auth login' or HF_TOKEN; or "
            f"{otherwise}."
        )
    return True, f"{card.title} will be downloaded once ({size})."


def obtain(card: Card, repository: str, file: str, progress: Progress) -> None:
    """Download one file into the hub's cache.

    Raises
    ------
    FewshotLabError
        If it fails; what is there already stays.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import GatedRepoError
    from huggingface_hub.utils import disable_progress_bars

    disable_progress_bars()
    progress("downloading", 0, None)
    try:
        hf_hub_download(repository, file, etag_timeout=10)
    except GatedRepoError as error:
        raise FewshotLabError(
            f"Your token has no access to {card.title}: ask for it on the page of {repository} at "
            "the Hugging Face hub, and try again once it is granted."
        ) from error
    # The hub's client has a family of errors of its own, beside those of its HTTP library.
    except Exception as error:
        reason = str(error).strip().splitlines()
        raise FewshotLabError(
            f"{card.title} could not be downloaded: {reason[0] if reason else type(error).__name__}"
        ) from error
