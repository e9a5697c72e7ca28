"""Pictures of a run: the crops as the network sees them, and where a transformer looks."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from fewshot_lab.files import write_atomically
from fewshot_lab.pretrain.multi_crop_network import MultiCropNetwork

PICTURES = "pictures"
CROPS = f"{PICTURES}/crops.png"
_ROWS, _SIDE, _GAP = 4, 112, 6
_DARK = 0.12
"""Brightness of what is not looked at."""


def attention_file(step: int) -> str:
    """Return where the attention maps of a step lie in a run's folder."""
    return f"{PICTURES}/attention-{step:09d}.png"


def pictures_of(folder: Path) -> tuple[Path | None, list[tuple[int, Path]]]:
    """Return a run's picture of crops, and its attention maps by step."""
    crops = folder / CROPS
    maps = sorted((folder / PICTURES).glob("attention-*.png"))
    steps = [(int(path.stem.removeprefix("attention-")), path) for path in maps]
    return (crops if crops.is_file() else None), steps


def draw_crops(path: Path, views: Sequence[Tensor], images: int) -> None:
    """Draw the views of the first images of a batch, an image in a row, globals first.

    Parameters
    ----------
    views
        Crops of one size each, (views x images, 3, S, S), 0 to 1: what goes into the network.
    images
        In the batch.
    """
    columns = [view for crops in views for view in crops.float().cpu().unflatten(0, (-1, images))]
    tiles = [[_pixels(column[row]) for column in columns] for row in range(min(_ROWS, images))]
    _write(path, tiles)


@torch.no_grad()
def draw_attention(
    path: Path, network: MultiCropNetwork, pixels: Tensor, device: torch.device
) -> bool:
    """Draw images and, below each, the same in the light of where the class token looks.

    The mean over the last block's heads of softmax(q k'), as in Caron et al. 2021, figure 1, from
    its least value (dark) to its greatest.

    Parameters
    ----------
    pixels
        (n, 3, h, w), uint8.

    Returns
    -------
    bool
        False for a backbone without a class token, of which nothing is drawn.
    """
    block = _last_attention(network.backbone)
    if block is None:
        return False
    inputs: list[Tensor] = []
    hook = block.register_forward_pre_hook(lambda _, args: inputs.append(args[0]))
    try:
        network.eval()
        network.embed(pixels.to(device).float() / 255)
    finally:
        hook.remove()
    tokens = inputs[0]
    n, count, width = tokens.shape
    heads = int(block.num_heads)  # type: ignore[arg-type]
    qkv = block.qkv(tokens).view(n, count, 3, heads, width // heads)  # type: ignore[operator]
    q, k = qkv[:, :1, 0].transpose(1, 2), qkv[:, :, 1].transpose(1, 2)
    prefix = int(getattr(network.backbone, "num_prefix_tokens", 1))
    looks = (q @ k.transpose(-1, -2) * (width // heads) ** -0.5).softmax(-1)
    maps = looks[:, :, 0, prefix:].mean(1).float().cpu()
    rows = round((count - prefix) ** 0.5)
    if rows * rows != count - prefix:
        return False
    maps = maps.view(n, 1, rows, rows)
    low, high = maps.amin((2, 3), keepdim=True), maps.amax((2, 3), keepdim=True)
    maps = (maps - low) / (high - low).clamp_min(1e-9)
    light = functional.interpolate(maps, pixels.shape[-2:], mode="bicubic").clamp(0, 1)
    seen = pixels.float() / 255
    lit = seen * (_DARK + (1 - _DARK) * light)
    _write(path, [[_pixels(p) for p in seen], [_pixels(p) for p in lit]])
    return True


def _last_attention(backbone: nn.Module) -> nn.Module | None:
    blocks = getattr(backbone, "blocks", None)
    if not isinstance(blocks, nn.Sequential) or getattr(backbone, "cls_token", None) is None:
        return None
    block = getattr(blocks[-1], "attn", None)
    known = isinstance(block, nn.Module) and hasattr(block, "qkv") and hasattr(block, "num_heads")
    return block if known else None


def _pixels(crop: Tensor) -> NDArray[np.uint8]:
    pixels: NDArray[np.uint8] = (crop.clamp(0, 1) * 255).byte().permute(1, 2, 0).numpy()
    return pixels


def _write(path: Path, tiles: list[list[NDArray[np.uint8]]]) -> None:
    """Write tiles in rows; smaller crops stay smaller, so that one sees which they are."""
    largest = max(tile.shape[0] for row in tiles for tile in row)
    scale = _SIDE / largest
    widths = [max(round(row[c].shape[1] * scale) for row in tiles) for c in range(len(tiles[0]))]
    sheet = Image.new(
        "RGBA", (sum(widths) + _GAP * (len(widths) - 1), len(tiles) * (_SIDE + _GAP) - _GAP)
    )
    for y, row in enumerate(tiles):
        x = 0
        for tile, width in zip(row, widths, strict=True):
            side = round(tile.shape[0] * scale)
            picture = Image.fromarray(tile).resize((side, side), Image.Resampling.BICUBIC)
            sheet.paste(picture, (x, y * (_SIDE + _GAP) + (_SIDE - side) // 2))
            x += width + _GAP
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, buffer.getvalue())
