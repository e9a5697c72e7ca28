"""Changes of colour, for a whole batch at once on the device that trains.

The numbers are drawn beside the crops (:func:`draw_colours`), the arithmetic is done here in one
go for all crops of a size, so that a GPU does it where there is one.
"""

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from fewshot_lab.pretrain.recipe import Recipe

_BRIGHTNESS, _CONTRAST, _SATURATION, _HUE, _GREY, _BLUR, _SOLARISE = range(7)
_LEAST_SIGMA = 0.1
_BRIGHT = 127.5 / 255
"""Above it solarising inverts: from 128 on, as Pillow does."""
_LUMA = (0.299, 0.587, 0.114)

# RGB to YIQ: hue is a rotation of I and Q.
_TO_YIQ = ((0.299, 0.587, 0.114), (0.595716, -0.274453, -0.321263), (0.211456, -0.522591, 0.311135))


def draw_colours(name: str, count: int, recipe: Recipe, random: np.random.Generator) -> Tensor:
    """Draw the changes of colour of an image's ``global`` or ``local`` crops.

    As in DINO the two global crops may differ in how often they are blurred, and the second alone
    is solarised.

    Returns
    -------
    Tensor
        (count, 7): factors of brightness, contrast and saturation, hue in radians, grey or not,
        blur's sigma in pixels, solarised or not.
    """
    u = random.uniform(-1, 1, (count, 4))
    change = random.random(count) < recipe.colour_probability
    strengths = (recipe.brightness, recipe.contrast, recipe.saturation)
    drawn = np.zeros((count, 7), np.float32)
    for column, strength in enumerate(strengths):
        drawn[:, column] = 1 + np.where(change, u[:, column] * strength, 0)
    drawn[:, _HUE] = np.where(change, u[:, 3] * recipe.hue * 2 * np.pi, 0)
    drawn[:, _GREY] = random.random(count) < recipe.grey_probability
    if name == "global":
        blurred = np.array([recipe.blur_probability, recipe.blur_probability_second])
        solarised, most = np.array([0.0, recipe.solarise_probability]), recipe.blur_sigma
    else:
        blurred, solarised = np.full(count, recipe.blur_probability_local), np.zeros(count)
        most = recipe.blur_sigma_local
    sigma = random.uniform(min(_LEAST_SIGMA, most), most, count)
    drawn[:, _BLUR] = np.where(random.random(count) < blurred, sigma, 0)
    drawn[:, _SOLARISE] = random.random(count) < solarised
    return torch.from_numpy(drawn)


def coloured(crops: Tensor, colours: Tensor, sigma: float) -> Tensor:
    """Apply the drawn changes.

    Parameters
    ----------
    crops
        (B, 3, S, S), 0 to 255.
    colours
        (B, 7), from :func:`draw_colours`, on the CPU.
    sigma
        The greatest that was drawn from, in pixels: a blur's kernel reaches three times as far.

    Returns
    -------
    Tensor
        (B, 3, S, S), float32, 0 to 1.
    """
    device = crops.device
    brightness, contrast, saturation, hue, grey, blur, solarise = colours.unbind(1)
    # What is small is computed where the numbers are: a GPU would be kept waiting for each.
    mixing = _moved(_mixing(saturation * (1 - grey), hue), device)
    factors = _moved(torch.stack([brightness / 255, contrast]), device).view(2, -1, 1, 1, 1)
    luma = _moved(torch.tensor(_LUMA), device).view(1, 3, 1, 1)
    x = crops.float() * factors[0]
    middle = (x * luma).sum(1, keepdim=True).mean((2, 3), keepdim=True)
    x = middle + (x - middle) * factors[1]
    x = torch.einsum("boc,bchw->bohw", mixing, x)
    x = _blurred(x.clamp(0, 1), blur, math.ceil(3 * sigma))
    bright = torch.nonzero(solarise > 0).flatten()
    if len(bright):
        rows = _moved(bright, device)
        x[rows] = torch.where(x[rows] >= _BRIGHT, 1 - x[rows], x[rows])
    return x


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


def _blurred(x: Tensor, sigma: Tensor, reach: int) -> Tensor:
    """Blur those crops whose sigma is above 0."""
    chosen = torch.nonzero(sigma > 0).flatten()
    if not len(chosen):
        return x
    reach = min(reach, x.shape[-1] - 1)
    at = torch.arange(-reach, reach + 1)
    kernel = torch.exp(-0.5 * (at / sigma[chosen, None]) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(3, 0)
    rows, kernel = _moved(chosen, x.device), _moved(kernel, x.device)
    some = x[rows]
    n, _, height, width = some.shape
    flat = functional.pad(some, (reach,) * 4, mode="reflect").flatten(0, 1)[None]
    flat = functional.conv2d(flat, kernel.view(n * 3, 1, -1, 1), groups=n * 3)
    flat = functional.conv2d(flat, kernel.view(n * 3, 1, 1, -1), groups=n * 3)
    x = x.clone()
    x[rows] = flat.view(n, 3, height, width)
    return x
