"""A checkpoint file as a backbone."""

from pathlib import Path
from typing import Any

from fewshot_lab.backbones import nielsen
from fewshot_lab.backbones.architectures import infer
from fewshot_lab.backbones.backbone import Backbone
from fewshot_lab.backbones.card import Card
from fewshot_lab.backbones.catalogue import SHIPPED
from fewshot_lab.backbones.checkpoints import read
from fewshot_lab.backbones.fingerprint import file_digest
from fewshot_lab.backbones.input_size import check_size
from fewshot_lab.backbones.licence import CLASSES, classify
from fewshot_lab.backbones.metadata import metadata_of
from fewshot_lab.backbones.networks import register, skeleton
from fewshot_lab.backbones.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from fewshot_lab.backbones.timm_config import preprocessing_of
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.files import expanded

SEPARATOR = "::"
"""Between a file and the architecture it is of: ``weights.pth::vit_small_patch16_224``."""


class FileBackbone(Backbone):
    """Weights in a file on this machine.

    Parameters
    ----------
    path
        ``.safetensors``, ``.pth``, ``.pt``, ``.bin`` or ``.ckpt``, in one of the layouts of
        :mod:`fewshot_lab.backbones.checkpoints`.
    architecture
        timm's name; found out from the file if None.
    name
        For the card, instead of the file's.
    """

    def __init__(
        self, path: Path, architecture: str | None = None, *, name: str | None = None
    ) -> None:
        self.path = expanded(path).absolute()
        metadata = SHIPPED.get(name or "", {}) | metadata_of(self.path)
        fitting = architecture or metadata.get("architecture")
        from_paper = False
        if fitting is None or "preprocessing" not in metadata:
            checkpoint = read(self.path)
            fitting = fitting or infer(checkpoint.tensors, self.path.name)
            from_paper = checkpoint.layout == "backbone." and fitting == nielsen.ARCHITECTURE
            # Several hundred megabytes that nobody needs while only the card is looked at.
            del checkpoint
        if "preprocessing" in metadata:
            preprocessing = Preprocessing.from_dict(metadata["preprocessing"])
        else:
            preprocessing = nielsen.PREPROCESSING if from_paper else usual(fitting)
        check_size(fitting, preprocessing.size)
        facts: dict[str, Any] = {
            "title": self.path.stem,
            "source": self.path,
            "licence": "not stated",
            "training": "not stated in the file",
            **(_of_the_paper(self.path) if from_paper else {}),
            **metadata,
        }
        texts: dict[str, Any] = {key: str(facts[key]) for key in _TEXTS if key in facts}
        stated_class = facts.get("licence_class")
        card = Card(
            name=name
            or f"{self.path}{SEPARATOR + architecture if architecture is not None else ''}",
            title=str(facts["title"]),
            size_mb=round(self.path.stat().st_size / 1e6, 1),
            dimensions=int(metadata.get("dimensions") or _dimensions(fitting)),
            preprocessing=preprocessing,
            licence_class=stated_class if stated_class in CLASSES else classify(texts["licence"]),
            **texts,
        )
        super().__init__(card, fitting)

    def weights(self) -> Path | None:
        """Return the file, if it still is there."""
        return self.path if self.path.is_file() else None

    def downloadable(self) -> tuple[bool, str]:
        """Return that there is no such file any more."""
        return False, f"There is no file {self.path}."


_TEXTS = ("source", "licence", "training", "note", "domain", "good_for", "leaks")


def _of_the_paper(path: Path) -> dict[str, str]:
    """Return what is known of a file in the layout of Nielsen et al. 2023."""
    digest = file_digest(path, "md5")
    among = "one" if digest in nielsen.MD5 else "none"
    note = f"Layout of Nielsen et al. 2023; md5 {digest} is {among} of the published."
    return {"training": nielsen.TRAINING, "note": note}


def usual(architecture: str) -> Preprocessing:
    """Return the usual preprocessing of an architecture: timm's, Meta's for their networks."""
    import timm

    register()
    config = timm.get_pretrained_cfg(architecture)
    if config is None or architecture.startswith(("vit_", "xcit_", "deit_")):
        size = config.input_size[-1] if config else 224
        # DINO's evaluation: shorter side to 256, centre crop of 224, ImageNet's statistics.
        return Preprocessing(
            size=224 if size > 256 else int(size),
            resize="crop",
            crop=0.875,
            mean=IMAGENET_MEAN,
            std=IMAGENET_STD,
        )
    return preprocessing_of(config.to_dict())


def _dimensions(architecture: str) -> int:
    import timm

    register()
    if not timm.is_model(architecture):
        raise FewshotLabError(f"timm knows no architecture {architecture!r}.")
    return int(skeleton(architecture).num_features)  # type: ignore[arg-type]
