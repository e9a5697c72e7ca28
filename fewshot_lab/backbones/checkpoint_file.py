"""A checkpoint file as a backbone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fewshot_lab.backbones import nielsen
from fewshot_lab.backbones.architectures import infer
from fewshot_lab.backbones.backbone import Backbone
from fewshot_lab.backbones.card import Card
from fewshot_lab.backbones.catalogue import SHIPPED
from fewshot_lab.backbones.checkpoints import build, load_strictly, metadata_of, read
from fewshot_lab.backbones.fingerprint import file_digest
from fewshot_lab.backbones.input_size import check_size
from fewshot_lab.backbones.licence import CLASSES, classify
from fewshot_lab.backbones.networks import register
from fewshot_lab.backbones.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from fewshot_lab.errors import FewshotLabError

if TYPE_CHECKING:
    from torch import nn

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
    preprocessing
        How pictures are fed; from the file's own header, else from the layout, else timm's for
        the architecture, if None.
    title, name
        For the card, instead of the file's name.
    """

    def __init__(
        self,
        path: Path,
        architecture: str | None = None,
        preprocessing: Preprocessing | None = None,
        *,
        title: str | None = None,
        name: str | None = None,
    ) -> None:
        self.path = path.expanduser().absolute()
        said = SHIPPED.get(name or "", {}) | metadata_of(self.path)
        given = architecture or said.get("architecture")
        if given is None or (preprocessing is None and "preprocessing" not in said):
            checkpoint = read(self.path)
            given = given or infer(checkpoint.tensors, self.path.name)
            from_paper = checkpoint.layout == "backbone." and given == nielsen.ARCHITECTURE
            # Several hundred megabytes that nobody needs while only the card is looked at.
            del checkpoint
        else:
            from_paper = False
        if preprocessing is None:
            if "preprocessing" in said:
                preprocessing = Preprocessing.from_dict(said["preprocessing"])
            else:
                preprocessing = nielsen.PREPROCESSING if from_paper else usual(given)
        check_size(given, preprocessing.size)
        note = str(said.get("note", ""))
        if from_paper:
            digest = file_digest(self.path, "md5")
            among = "one" if digest in nielsen.MD5 else "none"
            note = f"Layout of Nielsen et al. 2023; md5 {digest} is {among} of the published."
        licence = str(said.get("licence", "not stated"))
        licence_class = said.get("licence_class")
        card = Card(
            name=name
            or f"{self.path}{SEPARATOR + architecture if architecture is not None else ''}",
            title=title or str(said.get("title", self.path.stem)),
            source=str(said.get("source", self.path)),
            licence=licence,
            training=str(
                said.get("training", nielsen.TRAINING if from_paper else "not stated in the file")
            ),
            size_mb=round(self.path.stat().st_size / 1e6, 1),
            dimensions=int(said.get("dimensions") or _dimensions(given)),
            preprocessing=preprocessing,
            offline=True,
            note=note,
            domain=str(said.get("domain", "")),
            good_for=str(said.get("good_for", "")),
            leaks=str(said.get("leaks", "")),
            licence_class=licence_class if licence_class in CLASSES else classify(licence),
        )
        super().__init__(card, given)

    def weights(self) -> Path | None:
        """Return the file, if it still is there."""
        return self.path if self.path.is_file() else None

    def network(self) -> nn.Module:
        """Return the network with the file's weights, checked strictly."""
        network = build(self.architecture, self.preprocessing.size)
        return load_strictly(network, read(self.path).tensors, self.path.name)


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
    squash = config.crop_pct >= 1
    return Preprocessing(
        size=int(config.input_size[-1]),
        resize="squash" if squash else "crop",
        crop=1.0 if squash else float(config.crop_pct),
        interpolation="bilinear" if config.interpolation == "bilinear" else "bicubic",
        mean=tuple(config.mean),  # type: ignore[arg-type]
        std=tuple(config.std),  # type: ignore[arg-type]
    )


def _dimensions(architecture: str) -> int:
    import timm
    import torch

    register()
    if not timm.is_model(architecture):
        raise FewshotLabError(f"timm knows no architecture {architecture!r}.")
    with torch.device("meta"):
        network = timm.create_model(architecture, pretrained=False, num_classes=0)
    return int(network.num_features)  # type: ignore[arg-type]
