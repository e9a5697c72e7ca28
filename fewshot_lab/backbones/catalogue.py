"""The published backbones that are offered by name; the facts are in ``catalogue.toml``."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fewshot_lab.backbones.card import BUNDLE_LIMIT_MB, Card
from fewshot_lab.backbones.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing

PREFIX = "timm:"
"""Before the name of a model of timm."""

LARGE = "Larger than the 2 GB that a bundle can hold: for use in the app alone."


@dataclass(frozen=True)
class Published:
    """Weights on the Hugging Face hub.

    Attributes
    ----------
    card
        Its ``source`` is the repository.
    architecture
        timm's name, or one of :data:`fewshot_lab.backbones.networks.NETWORKS`.
    file
        The weights in the repository.
    """

    card: Card
    architecture: str
    file: str = "model.safetensors"


def _models(family: dict[str, Any]) -> list[Published]:
    statistics = {"mean": IMAGENET_MEAN, "std": IMAGENET_STD}
    preprocessing = Preprocessing.from_dict(statistics | family.pop("preprocessing"))
    models = []
    for own in family.pop("models"):
        facts = family | own
        if facts["size_mb"] > BUNDLE_LIMIT_MB:
            facts.setdefault("note", LARGE)
        name = facts.pop("name")
        architecture, file = facts.pop("architecture", name), facts.pop("file", Published.file)
        facts["source"] = facts["source"].format(architecture=architecture)
        if architecture == name:
            name = PREFIX + name
        card = Card(name=name, preprocessing=preprocessing, **facts)
        models.append(Published(card, architecture, file))
    return models


_CATALOGUE = tomllib.loads(Path(__file__).with_name("catalogue.toml").read_text("utf-8"))
_MODELS = [model for family in _CATALOGUE["family"] for model in _models(family)]

TIMM = tuple(model.card for model in _MODELS if model.card.name.startswith(PREFIX))
"""Cards of models that timm itself lists."""

PUBLISHED = tuple(model for model in _MODELS if not model.card.name.startswith(PREFIX))
"""Models of other authors, or pooled in another way than timm does."""

SHIPPED: dict[str, dict[str, str]] = _CATALOGUE["shipped"]
"""What the header of weights that ship with the package does not say."""
