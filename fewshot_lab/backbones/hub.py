"""Backbones on the Hugging Face hub: what is on this machine, and fetching one when asked."""

from pathlib import Path

from fewshot_lab.backbones.backbone import Backbone
from fewshot_lab.backbones.card import Card
from fewshot_lab.backbones.downloads import reachable
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.progress import Progress


class HubBackbone(Backbone):
    """Weights in one file of a repository, which lies in the hub's cache or will.

    Parameters
    ----------
    card
    architecture
        timm's name, or one of :data:`fewshot_lab.backbones.networks.NETWORKS`.
    repository, file
        Where the weights are.
    """

    without_network = "choose the embedded backbone or a checkpoint file"
    """What to do where they cannot be downloaded."""

    def __init__(
        self, card: Card, architecture: str, repository: str, file: str = "model.safetensors"
    ) -> None:
        super().__init__(card, architecture)
        self.repository, self.file = repository, file

    def weights(self) -> Path | None:
        """Return the file in the hub's cache on this machine."""
        from huggingface_hub import try_to_load_from_cache

        path = try_to_load_from_cache(self.repository, self.file)
        return Path(path) if isinstance(path, str) else None

    def downloadable(self) -> tuple[bool, str]:
        """Return whether the hub answers and access has been granted."""
        from huggingface_hub import get_token
        from huggingface_hub.constants import ENDPOINT

        card = self._card
        if not reachable(ENDPOINT):
            return False, self.no_network(self.without_network)
        if card.gated and get_token() is None:
            return False, (
                f"Access to {card.title} must be asked for: do so on the page of {card.source} at "
                "the Hugging Face hub, then give your token with 'hf auth login' or HF_TOKEN; or "
                f"{self.without_network}."
            )
        return True, self.will_download()

    def download(self, progress: Progress) -> None:
        """Download the file into the hub's cache; what is there already stays."""
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import GatedRepoError
        from huggingface_hub.utils import disable_progress_bars

        title = self._card.title
        disable_progress_bars()
        progress("downloading", 0, None)
        try:
            hf_hub_download(self.repository, self.file, etag_timeout=10)
        except GatedRepoError as error:
            raise FewshotLabError(
                f"Your token has no access to {title}: ask for it on the page of "
                f"{self.repository} at the Hugging Face hub, and try again once it is granted."
            ) from error
        # The hub's client has a family of errors of its own, beside those of its HTTP library.
        except Exception as error:
            reason = str(error).strip().splitlines()
            raise FewshotLabError(
                f"{title} could not be downloaded: {reason[0] if reason else type(error).__name__}"
            ) from error
