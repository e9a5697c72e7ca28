"""The published checkpoints of Nielsen et al. 2023 (doi 10.3390/bioengineering10080895)."""

from pathlib import Path

from fewshot_lab.backbones.backbone import Backbone
from fewshot_lab.backbones.card import Card
from fewshot_lab.backbones.downloads import download, downloads, reachable
from fewshot_lab.backbones.preprocessing import HALF, Preprocessing
from fewshot_lab.progress import Progress

ARCHITECTURE = "xcit_small_12_p8_224"
# As published: nearest neighbour to 256 x 256 before anything else, then values to [-1, 1].
PREPROCESSING = Preprocessing(
    size=256, resize="squash", interpolation="nearest", mean=HALF, std=HALF
)
TRAINING = "ImageNet start, then DINO without labels (Nielsen et al. 2023)"
# The record does not say which digest belongs to which file, so any of the three is accepted.
MD5 = frozenset(
    {
        "4afabb89619545ec1e7a72c14afd1c9a",
        "d4d0142721165faf06aea12fe90d0111",
        "826eea56c438de7a898819cf943df263",
    }
)
_RECORD = "https://zenodo.org/records/10391339"
_FILES = {
    "nielsen2023-bone-marrow": ("pretrained_bm.pt", "bone marrow cells"),
    "nielsen2023-endoscopy": ("pretrained_endo.pt", "endoscopy"),
    "nielsen2023-dermoscopy": ("pretrained_isic.pt", "dermoscopy"),
}
NAMES = tuple(_FILES)


def card_of(name: str) -> Card:
    """Return the card of one of :data:`NAMES`."""
    file, images = _FILES[name]
    return Card(
        name=name,
        title=f"DINO XCiT-S12/8, {images} (Nielsen et al. 2023)",
        source=f"Zenodo record 10391339, {file}",
        licence="see the Zenodo record",
        training=f"{images}: {TRAINING}",
        size_mb=192.9,
        dimensions=384,
        preprocessing=PREPROCESSING,
        domain="blood cells" if name.endswith("marrow") else images,
        good_for=f"{images.capitalize()}.",
        note="Its file may also be put into the backbones folder by hand, or named by its path.",
    )


class NielsenBackbone(Backbone):
    """One of the three published checkpoints, downloaded once."""

    def __init__(self, name: str) -> None:
        super().__init__(card_of(name), ARCHITECTURE)
        self.file = downloads() / _FILES[name][0]

    def weights(self) -> Path | None:
        """Return the downloaded file."""
        return self.file if self.file.is_file() else None

    def downloadable(self) -> tuple[bool, str]:
        """Return whether the record answers."""
        if reachable(_RECORD):
            return True, self.will_download()
        source = self._card.source.split(",")[0]
        return False, self.no_network(
            f"bring {self.file.name} from {source} and put it into {self.file.parent}"
        )

    def download(self, progress: Progress) -> None:
        """Download the file and check its md5."""
        url = f"{_RECORD}/files/{self.file.name}?download=1"
        download(url, self.file, md5=MD5, progress=progress)
