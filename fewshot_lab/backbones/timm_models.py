"""timm's models by name; their weights are downloaded only when asked."""

import difflib

from fewshot_lab.backbones.card import Card
from fewshot_lab.backbones.catalogue import PREFIX, TIMM
from fewshot_lab.backbones.hub import HubBackbone
from fewshot_lab.backbones.licence import classify
from fewshot_lab.backbones.networks import skeleton
from fewshot_lab.backbones.timm_config import preprocessing_of
from fewshot_lab.errors import FewshotLabError


class TimmBackbone(HubBackbone):
    """A timm model whose weights lie in the hub's cache, or will."""

    def __init__(self, card: Card) -> None:
        super().__init__(card, card.name.removeprefix(PREFIX), card.source)


def card_of(name: str) -> Card:
    """Return the card of a timm model, written by hand or read from timm's own table.

    Parameters
    ----------
    name
        With or without the tag, without :data:`PREFIX`.

    Raises
    ------
    FewshotLabError
        If timm has no weights under this name; the closest names are given.
    """
    for card in TIMM:
        if card.name == PREFIX + name:
            return card
    import timm

    known = timm.list_models(pretrained=True)
    config = timm.get_pretrained_cfg(name) if name in known or name in timm.list_models() else None
    if config is None or not config.hf_hub_id:
        close = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
        hint = f"; did you mean {' or '.join(PREFIX + c for c in close)}?" if close else "."
        raise FewshotLabError(f"timm has no weights named {name!r}{hint}")
    network = skeleton(name)
    parameters = sum(p.numel() for p in network.parameters())
    return Card(
        name=PREFIX + name,
        title=name,
        source=str(config.hf_hub_id),
        licence=str(config.license or "not stated"),
        licence_class=classify(str(config.license or "")),
        training=f"tag {config.tag!r} of timm" if config.tag else "see the source",
        size_mb=round(parameters * 4 / 1e6, 1),
        dimensions=int(network.num_features),  # type: ignore[arg-type]
        preprocessing=preprocessing_of(config.to_dict()),
    )
