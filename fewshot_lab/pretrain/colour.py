"""Changes of colour, for a whole batch at once on the device that trains.

The numbers are drawn beside the crops (:func:`draw_colours`), the arithmetic is done here in one
go for all crops of a size, so that a GPU does it where there is one.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from fewshot_lab.pretrain.recipe import Recipe

_BRIGHTNESS, _CONTRAST, _SATURATION, _HUE, _GREY, _BLUR = range(6)
_KERNEL = 9
_LUMA = (0.299, 0.587, 0.114)

# RGB to YIQ: hue is a rotation of I and Q.
_TO_YIQ = ((0.299, 0.587, 0.114), (0.595716, -0.274453, -0.321263), (0.211456, -0.522591, 0.311135))


def draw_colours(count: int, recipe: Recipe, random: np.random.Generator) -> Tensor:
    """Return (count, 6) numbers: factors, hue in radians, grey or not, blur's sigma in pixels."""
    u = random.uniform(-1, 1, (count, 4))
    change = random.random(count) < recipe.colour_probability
    strengths = (recipe.brightness, recipe.contrast, recipe.saturation)
    drawn = np.zeros((count, 6), np.float32)
    for column, strength in enumerate(strengths):
        drawn[:, column] = 1 + np.where(change, u[:, column] * strength, 0)
    drawn[:, _HUE] = np.where(change, u[:, 3] * recipe.hue * 2 * np.pi, 0)
    drawn[:, _GREY] = random.random(count) < recipe.grey_probability
    sigma = random.uniform(0.1, 1.5, count)
    drawn[:, _BLUR] = np.where(random.random(count) < recipe.blur_probability, sigma, 0)
    return torch.from_numpy(drawn)


def coloured(crops: Tensor, colours: Tensor) -> Tensor:
    """Apply the drawn changes.

    Parameters
    ----------
    crops
        (B, 3, S, S), uint8.
    colours
        (B, 6), from :func:`draw_colours`, on the CPU.

    Returns
    -------
    Tensor
        (B, 3, S, S), float32, 0 to 1.
    """
    device = crops.device
    brightness, contrast, saturation, hue, grey, blur = colours.unbind(1)
    # What is small is computed where the numbers are: a GPU would be kept waiting for each.
    mixing = _moved(_mixing(saturation * (1 - grey), hue), device)
    factors = _moved(torch.stack([brightness / 255, contrast]), device).view(2, -1, 1, 1, 1)
    luma = _moved(torch.tensor(_LUMA), device).view(1, 3, 1, 1)
    x = crops.float() * factors[0]
    middle = (x * luma).sum(1, keepdim=True).mean((2, 3), keepdim=True)
    x = middle + (x - middle) * factors[1]
    x = torch.einsum("boc,bchw->bohw", mixing, x)
    return _blurred(x.clamp(0, 1), blur)


def _moved(small: Tensor, device: torch.device) -> Tensor:
    return small.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else small


def _mixing(saturation: Tensor, hue: Tensor) -> Tensor:
    """Return the (B, 3, 3) matrices that turn the hue and scale the saturation."""
    to = torch.tensor(_TO_YIQ, device=hue.device)
    cos, sin = (saturation * hue.cos()).flatten(), (saturation * hue.sin()).flatten()
    turn = torch.zeros(len(cos), 3, 3, device=hue.device)
    turn[:, 0, 0] = 1
    turn[:, 1, 1], turn[:, 1, 2] = cos, -sin
    turn[:, 2, 1], turn[:, 2, 2] = sin, cos
    result: Tensor = torch.linalg.inv(to) @ turn @ to
    return result


def _blurred(x: Tensor, sigma: Tensor) -> Tensor:
    """Blur those crops whose sigma is above 0."""
    chosen = torch.nonzero(sigma > 0).flatten()
    if not len(chosen):
        return x
    at = torch.arange(_KERNEL) - _KERNEL // 2
    kernel = torch.exp(-0.5 * (at / sigma[chosen, None]) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(3, 0)
    rows, kernel = _moved(chosen, x.device), _moved(kernel, x.device)
    some = x[rows]
    n, _, height, width = some.shape
    half = _KERNEL // 2
    flat = functional.pad(some, (half, half, half, half), mode="reflect").reshape(
        1, n * 3, *_more(some)
    )
    flat = functional.conv2d(flat, kernel.view(-1, 1, 1, _KERNEL), groups=n * 3)
    flat = functional.conv2d(flat, kernel.view(-1, 1, _KERNEL, 1), groups=n * 3)
    x = x.clone()
    x[rows] = flat.view(n, 3, height, width)
    return x


def _more(x: Tensor) -> tuple[int, int]:
    return x.shape[2] + _KERNEL - 1, x.shape[3] + _KERNEL - 1
