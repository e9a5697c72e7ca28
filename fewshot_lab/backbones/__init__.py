"""One registry of frozen networks that turn a picture into an embedding.

Each has a card, its own preprocessing and a fingerprint that changes whenever an embedding would.
"""

from fewshot_lab.backbones.backbone import Backbone
from fewshot_lab.backbones.card import BUNDLE_LIMIT_MB, Card
from fewshot_lab.backbones.checkpoints import SUFFIXES
from fewshot_lab.backbones.licence import conditions, must_be_accepted
from fewshot_lab.backbones.networks import register as register_networks
from fewshot_lab.backbones.parts import FINAL, Parts
from fewshot_lab.backbones.picture_statistics import picture_statistics
from fewshot_lab.backbones.preprocessing import Preprocessing
from fewshot_lab.backbones.registry import (
    EMBEDDED,
    cards,
    default_name,
    file_named,
    find,
    with_stages,
)
