"""Adapting a big transformer: all its weights rest, and a few new ones in its attention learn.

``lora`` (Hu et al. 2021, arXiv 2106.09685) adds a product of two thin matrices to the weights
before and after each attention. ``apla`` (Sorkhei et al. 2025, arXiv 2503.11335; under DINO's loss
2503.18873) lets the projection after each attention learn, or some of its outputs drawn by chance.
Merged, a backbone is again what timm builds, and costs no more than before.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.files import write_atomically

ADAPTER = "adapter.safetensors"


class LoraLinear(nn.Linear):
    """A layer at rest, and two thin matrices whose product is added to its weight."""

    lora_down: nn.Parameter
    lora_up: nn.Parameter

    def begin(self, rank: int) -> None:
        """Add the matrices: (rank, in), drawn by chance, and (out, rank), zero."""
        like = self.weight
        self.lora_down = nn.Parameter(like.new_empty(rank, self.in_features))
        self.lora_up = nn.Parameter(like.new_zeros(self.out_features, rank))
        nn.init.kaiming_uniform_(self.lora_down, a=5**0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Return (..., out) of (..., in)."""
        change = functional.linear(functional.linear(x, self.lora_down), self.lora_up)
        return super().forward(x) + change

    def merged(self) -> dict[str, Tensor]:
        """Return the layer as one weight."""
        return {"weight": self.weight + self.lora_up @ self.lora_down}


class AplaLinear(nn.Linear):
    """A layer at rest, but for some of its outputs, which have weights that learn."""

    apla_rows: Tensor
    apla_weight: nn.Parameter
    apla_bias: nn.Parameter | None

    def begin(self, rank: int) -> None:
        """Let `rank` outputs drawn by chance learn, from where they are; 0 for all."""
        count = min(rank or self.out_features, self.out_features)
        rows = torch.randperm(self.out_features)[:count].sort().values
        self.register_buffer("apla_rows", rows.to(self.weight.device))
        self.apla_weight = nn.Parameter(self.weight.detach()[rows].clone())
        bias = None if self.bias is None else nn.Parameter(self.bias.detach()[rows].clone())
        self.register_parameter("apla_bias", bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return (..., out) of (..., in)."""
        learnt = functional.linear(x, self.apla_weight, self.apla_bias)
        if len(self.apla_weight) == self.out_features:
            return learnt
        rest = super().forward(x)
        return rest.index_copy(-1, self.apla_rows, learnt.to(rest.dtype))

    def merged(self) -> dict[str, Tensor]:
        """Return the layer as one weight and bias."""
        parts = {"weight": self.weight.index_copy(0, self.apla_rows, self.apla_weight)}
        if self.bias is not None and self.apla_bias is not None:
            parts["bias"] = self.bias.index_copy(0, self.apla_rows, self.apla_bias)
        return parts


_LAYERS: dict[str, tuple[type[LoraLinear | AplaLinear], tuple[str, ...]]] = {
    "lora": (LoraLinear, ("qkv", "proj")),
    "apla": (AplaLinear, ("proj",)),
}


def attention_blocks(backbone: nn.Module) -> list[nn.Module]:
    """Return the attentions of a backbone that can be adapted; none of a network without any."""
    return [
        module
        for module in backbone.modules()
        if all(type(getattr(module, name, None)) is nn.Linear for name in ("qkv", "proj"))
    ]


def no_attention(how: str) -> str:
    """Return the sentence for a backbone without such attention."""
    return (
        f"--adapt {how} needs a transformer, and this backbone has no attention whose layers it "
        "knows: take a ViT or XCiT, or leave --adapt out."
    )


def adapt(backbone: nn.Module, how: str, rank: int) -> None:
    """Let all of a backbone rest, and add what learns instead.

    Parameters
    ----------
    backbone
        timm's, with attention whose layers are called ``qkv`` and ``proj``.
    how
        "lora" or "apla".
    rank
        Of the added product; for "apla", how many outputs of each projection learn (0: all).

    Raises
    ------
    FewshotLabError
        If the backbone has no such attention.
    """
    kind, names = _LAYERS[how]
    blocks = attention_blocks(backbone)
    if not blocks:
        raise FewshotLabError(no_attention(how))
    if how == "lora" and rank < 1:
        raise FewshotLabError("adapt_rank is 0, but LoRA needs a rank of at least 1.")
    backbone.requires_grad_(False)
    for block in blocks:
        for name in names:
            layer: Any = getattr(block, name)
            layer.__class__ = kind
            layer.begin(rank)


def merged_state(backbone: nn.Module) -> dict[str, Tensor]:
    """Return a backbone's weights by timm's keys, with what was added put into them."""
    state = {k: v for k, v in backbone.state_dict().items() if not _is_added(k)}
    with torch.no_grad():
        for name, module in backbone.named_modules():
            if isinstance(module, LoraLinear | AplaLinear):
                state |= {f"{name}.{part}": value for part, value in module.merged().items()}
    return state


def _is_added(key: str) -> bool:
    return key.rpartition(".")[2].startswith(("lora_", "apla_"))


def write_adapter(path: Path, backbone: nn.Module, about: dict[str, Any]) -> None:
    """Write what was added to a backbone, and of which weights: megabytes instead of gigabytes.

    Nothing is written of a backbone that is not adapted.

    Parameters
    ----------
    path
    backbone
    about
        What else JSON can hold: ``adapt``, ``adapt_rank``, ``backbone``, ``start``.
    """
    from safetensors.torch import save

    added = {k: v.cpu().contiguous() for k, v in backbone.state_dict().items() if _is_added(k)}
    if added:
        facts = {**about, "format": "pt", "base": _digest(backbone.state_dict())}
        texts = {k: v if isinstance(v, str) else json.dumps(v) for k, v in facts.items()}
        write_atomically(path, save(added, texts))


def read_adapter(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Return what an adapter's file says of itself, and what was added.

    Raises
    ------
    FewshotLabError
        If the file is no adapter.
    """
    from safetensors import SafetensorError, safe_open
    from safetensors.torch import load_file

    try:
        with safe_open(path, "pt") as file:
            about = file.metadata() or {}
        added = load_file(path)
    except (OSError, SafetensorError) as error:
        raise FewshotLabError(f"{path} cannot be read as an adapter: {error}.") from None
    if about.get("adapt") not in _LAYERS:
        raise FewshotLabError(f"{path} holds no adapter.")
    return about, added


def load_adapter(path: Path, backbone: nn.Module) -> None:
    """Put an adapter into the backbone it was made for, and merge it.

    Parameters
    ----------
    path
        As :func:`write_adapter` wrote it.
    backbone
        With the weights that the adapter's run started from; it is changed.

    Raises
    ------
    FewshotLabError
        If the file is no adapter, or the backbone has other weights.
    """
    about, added = read_adapter(path)
    if about.get("base") != _digest(backbone.state_dict()):
        raise FewshotLabError(
            f"{path.name} was trained on other weights than these: it fits {about.get('backbone')} "
            f"from {about.get('start')}."
        )
    plain = {name: type(module) for name, module in backbone.named_modules()}
    adapt(backbone, about["adapt"], int(about["adapt_rank"]))
    backbone.load_state_dict(backbone.state_dict() | added)
    merged = merged_state(backbone)
    for name, module in backbone.named_modules():
        if isinstance(module, LoraLinear | AplaLinear):
            for key in [k for k in (*module._parameters, *module._buffers) if _is_added(k)]:
                delattr(module, key)
            module.__class__ = plain[name]
    backbone.load_state_dict(merged)


def _digest(state: dict[str, Tensor]) -> str:
    """Return a digest of a backbone's own weights, in float32."""
    digest = hashlib.sha256()
    for key in sorted(k for k in state if not _is_added(k)):
        digest.update(key.encode())
        digest.update(state[key].detach().float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]
