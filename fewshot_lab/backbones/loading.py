"""Loading a checkpoint's tensors into timm's networks, strictly."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from fewshot_lab.backbones.input_size import check_size
from fewshot_lab.backbones.networks import register
from fewshot_lab.errors import FewshotLabError

if TYPE_CHECKING:
    from torch import Tensor, nn

_PATCH = "patch_embed.proj.weight"

_HEAD = (
    "head",
    "fc.",
    "classifier.",
    "last_layer",
    "mlp.",
    "projector",
    "projection_head",
    "prototypes",
    "dino_head",
    "ibot_head",
    "mask_token",
)


def build(architecture: str, size: int) -> nn.Module:
    """Build a timm network without a classifier for a given input size.

    Raises
    ------
    FewshotLabError
        If timm does not know the architecture or it cannot take this size.
    """
    import timm

    register()
    if not timm.is_model(architecture):
        raise FewshotLabError(f"timm knows no architecture {architecture!r}.")
    check_size(architecture, size)
    fixed = timm.get_pretrained_cfg(architecture)
    try:
        if fixed is not None and fixed.fixed_input_size:
            return timm.create_model(architecture, pretrained=False, num_classes=0, img_size=size)
        return timm.create_model(architecture, pretrained=False, num_classes=0)
    except (AssertionError, TypeError, RuntimeError) as error:
        raise FewshotLabError(f"{architecture} cannot be built for {size} px: {error}") from error


def adapt(network: nn.Module, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename and resize a checkpoint's tensors to what a timm network expects.

    timm's own filter for the architecture does it: Meta's names for XCiT and DINOv2, and position
    embeddings interpolated where the input size differs.
    """
    module = sys.modules[type(network).__module__]
    adapted = getattr(module, "checkpoint_filter_fn", None)
    state = dict(tensors)
    own, theirs = network.state_dict().get(_PATCH), state.get(_PATCH)
    apart: dict[str, Tensor] = {}
    if own is not None and theirs is not None and theirs.ndim == 4 and theirs.shape != own.shape:
        # timm would resize patches, too, and so take one network for another.
        apart[_PATCH] = state.pop(_PATCH)
    if adapted is not None:
        state = adapted(state, network)
    return state | apart


def differences(network: nn.Module, state: Mapping[str, Tensor]) -> list[str]:
    """Return what keeps tensors from fitting a network: missing, unexpected, or of other shape.

    Keys of a head are no difference.
    """
    own = network.state_dict()
    # BatchNorm's step counter plays no part at inference, and some exports drop it.
    needed = (key for key in own if not key.endswith("num_batches_tracked"))
    misfits = [f"{key} is missing" for key in needed if key not in state]
    for key, value in state.items():
        if key not in own:
            if not key.startswith(_HEAD):
                misfits.append(f"{key} has no place")
        elif own[key].shape != value.shape:
            misfits.append(f"{key} is {tuple(value.shape)} instead of {tuple(own[key].shape)}")
    return misfits


def load_strictly(network: nn.Module, tensors: dict[str, Tensor], name: str) -> nn.Module:
    """Load a checkpoint; every tensor of the backbone must be there and fit.

    Raises
    ------
    FewshotLabError
        If one is missing, has no place or another shape.
    """
    try:
        state = adapt(network, tensors)
    # A filter written for this network may stumble over another's tensors in any way.
    except Exception as error:
        raise FewshotLabError(
            f"{name} does not fit {type(network).__name__}: it is of another network or layout."
        ) from error
    if misfits := differences(network, state):
        more = f" (and {len(misfits) - 1} more)" if len(misfits) > 1 else ""
        raise FewshotLabError(f"{name} does not fit {type(network).__name__}: {misfits[0]}{more}.")
    own = network.state_dict()
    network.load_state_dict({k: state[k].to(own[k].dtype) for k in own if k in state}, strict=False)
    return network.eval()
