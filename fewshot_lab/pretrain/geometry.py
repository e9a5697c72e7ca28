"""Where crops lie and how they are turned: drawn, and cut out one by one or in batches.

One drawing serves both ways of cutting: torchvision's, an image at a time in a worker process, and
matrices, a whole batch at a time on the device that trains. Both resize by the same antialiased
bicubic filter (Pillow's), so what they cut differs by rounding alone.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as nn_functional
from torchvision.transforms.v2 import functional

from fewshot_lab.pretrain.recipe import Recipe

_TOP, _LEFT, _HEIGHT, _WIDTH, _MIRRORED, _UPSIDE_DOWN, _TURNS = range(7)
_CORNERS = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], float)


def draw_boxes(
    count: int, side: int, scale: tuple[float, float], recipe: Recipe, random: np.random.Generator
) -> Tensor:
    """Draw crops of a square image.

    Their area is uniform in `scale`, the logarithm of their aspect ratio uniform in 3/4 to 4/3, as
    in torchvision's RandomResizedCrop; what does not fit is cut to the image.

    Returns
    -------
    Tensor
        (count, 7), float32: top, left, height and width in pixels, mirrored or not, upside down or
        not, quarter turns.
    """
    area = random.uniform(*scale, count) * side * side
    ratio = np.exp(random.uniform(math.log(3 / 4), math.log(4 / 3), count))
    width = np.clip(np.rint(np.sqrt(area * ratio)), 1, side)
    height = np.clip(np.rint(np.sqrt(area / ratio)), 1, side)
    top = random.integers(side - height.astype(int) + 1)
    left = random.integers(side - width.astype(int) + 1)
    mirrored, upside_down = random.random((2, count)) < 0.5
    turns = random.integers(4, size=count)
    drawn = (
        *(top, left, height, width),
        *(mirrored & recipe.horizontal_flip, upside_down & recipe.vertical_flip),
        turns * recipe.quarter_turns,
    )
    return torch.from_numpy(np.stack(drawn, 1).astype(np.float32))


def draw_warps(count: int, recipe: Recipe, random: np.random.Generator) -> Tensor | None:
    """Draw changes of perspective and rotations of whole images, or None where a recipe has none.

    As torchvision's RandomPerspective, then RandomRotation, in one.

    Returns
    -------
    Tensor or None
        (count, 3, 3), float32: from places of the result to places of the image, -1 to 1.
    """
    if not (recipe.rotation or recipe.perspective_probability):
        return None
    angles = np.radians(random.uniform(-recipe.rotation, recipe.rotation, count))
    seen_from_aside = random.random(count) < recipe.perspective_probability
    moved = random.random((count, 4, 2)) * recipe.perspective_distortion
    warps = np.empty((count, 3, 3), np.float32)
    for row, angle in enumerate(angles):
        cos, sin = math.cos(angle), math.sin(angle)
        warp = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
        if seen_from_aside[row]:
            warp = homography(_CORNERS * (1 - moved[row]), _CORNERS) @ warp
        warps[row] = warp
    return torch.from_numpy(warps)


def homography(origins: NDArray[np.float64], targets: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the (3, 3) projective map that takes four points (4, 2) to four others."""
    (x, y), (u, v) = origins.T, targets.T
    zero, one = np.zeros(4), np.ones(4)
    rows = np.vstack(
        [
            np.stack([x, y, one, zero, zero, zero, -u * x, -u * y], 1),
            np.stack([zero, zero, zero, x, y, one, -v * x, -v * y], 1),
        ]
    )
    return np.append(np.linalg.solve(rows, np.concatenate([u, v])), 1.0).reshape(3, 3)


def warped(images: Tensor, warps: Tensor) -> Tensor:
    """Return images seen through `warps`, bilinear, black where there was nothing.

    Parameters
    ----------
    images
        (n, 3, s, s), float32.
    warps
        (n, 3, 3), from :func:`draw_warps`.
    """
    side = images.shape[-1]
    centres = (2 * torch.arange(side, device=images.device) + 1) / side - 1
    y, x = torch.meshgrid(centres, centres, indexing="ij")
    places = torch.stack([x, y, torch.ones_like(x)], -1).view(1, -1, 3) @ warps.transpose(1, 2)
    grid = (places[..., :2] / places[..., 2:]).view(-1, side, side, 2)
    return nn_functional.grid_sample(images, grid, align_corners=False)


def crop_one(image: Tensor, box: Tensor, warp: Tensor | None, size: int) -> Tensor:
    """Return one crop, (3, size, size), of an image (3, s, s), uint8 both."""
    if warp is not None:
        image = warped(image[None].float(), warp[None])[0].round_().byte()
    top, left, height, width, mirrored, upside_down, turns = (int(number) for number in box)
    crop: Tensor = functional.resized_crop(
        image,
        *(top, left, height, width),
        [size, size],
        interpolation=functional.InterpolationMode.BICUBIC,
        antialias=True,
    )
    dims = [2] * mirrored + [1] * upside_down
    if dims:
        crop = crop.flip(dims)
    return crop.rot90(turns, (1, 2)).contiguous()


def crop_batch(images: Tensor, boxes: Tensor, warps: Tensor | None, size: int) -> Tensor:
    """Return one crop of each image, (n, 3, size, size), float32, 0 to 255.

    Parameters
    ----------
    images
        (n, 3, s, s), float32.
    boxes, warps
        (n, 7) and (n, 3, 3) or None, on the same device.
    """
    if warps is not None:
        images = warped(images, warps).round_()
    turns = boxes[:, _TURNS]
    # A quarter turn is a transposition after a flip; two are two flips.
    upside_down = boxes[:, _UPSIDE_DOWN].bool() ^ (turns >= 2)
    mirrored = boxes[:, _MIRRORED].bool() ^ ((turns == 1) | (turns == 2))
    side = images.shape[-1]
    down = _resizing(boxes[:, _TOP], boxes[:, _HEIGHT], upside_down, size, side)
    across = _resizing(boxes[:, _LEFT], boxes[:, _WIDTH], mirrored, size, side)
    crops = down[:, None] @ images @ across[:, None].transpose(-1, -2)
    odd = (turns % 2 == 1).view(-1, 1, 1, 1)
    return torch.where(odd, crops.transpose(-1, -2), crops).round_().clamp_(0, 255)


def _resizing(start: Tensor, length: Tensor, reverse: Tensor, size: int, side: int) -> Tensor:
    """Return the (n, size, side) matrices that resize a part of a line, reversed or not.

    Pillow's antialiased bicubic (a = -1/2), whose kernel grows with the scale and sees nothing
    outside of the part.
    """
    device = start.device
    place = torch.arange(size, device=device)
    place = torch.where(reverse[:, None], size - 1 - place, place)
    start, length = start.view(-1, 1, 1), length.view(-1, 1, 1)
    scale = length / size
    pixel = torch.arange(side, device=device)
    away = (pixel + 0.5 - start - (place[..., None] + 0.5) * scale).abs() / scale.clamp_min(1)
    near = (1.5 * away - 2.5) * away * away + 1
    far = ((-0.5 * away + 2.5) * away - 4) * away + 2
    weights = torch.where(away < 1, near, torch.where(away < 2, far, torch.zeros_like(away)))
    weights = weights * ((pixel >= start) & (pixel < start + length))
    return weights / weights.sum(-1, keepdim=True)
