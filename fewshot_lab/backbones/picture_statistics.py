"""Plain statistics of a backbone's input: light, colour, and contrast at several scales.

Only numpy: an exported bundle's ``predict.py`` carries this text.
"""

import numpy as np
import numpy.typing as npt

SHARES = (0.02, 0.25, 0.5, 0.75, 0.98)
SCALES = 4
LARGEST = 256
"""Inputs of a longer side are halved first."""
LEAST = np.float32(1e-3)
"""Contrasts below this are alike: a third of a grey value."""


def picture_statistics(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float16]:
    """Return what kind of picture it is, in numbers.

    Of brightness, red against green, and yellow against blue: five quantiles and the standard
    deviation; then the logarithm of the mean difference of neighbours, across and down, and for
    brightness of a pixel to its four neighbours, at four scales, each half of the one before. A
    grey picture has no colours, a blurred one no fine contrast.

    Parameters
    ----------
    pixels : array (size, size, 3)
        The input of a backbone. Since app and bundle have it alike, so are the statistics.

    Returns
    -------
    array (46,)
        In the precision of stored embeddings.
    """
    channels = np.ascontiguousarray(np.moveaxis(pixels, -1, 0)).astype(np.float32)
    channels /= np.float32(255)
    while channels.shape[1] > LARGEST:
        channels = _halved(channels)
    red, green, blue = channels
    planes = np.stack([(red + green + blue) / 3, red - green, (red + green) / 2 - blue])
    ordered = np.sort(planes[:, ::4, ::4].reshape(3, -1), axis=1)
    places = [int(share * (ordered.shape[1] - 1)) for share in SHARES]
    tones = np.concatenate([ordered[:, places].ravel(), planes.std(axis=(1, 2))])
    contrasts = np.zeros((SCALES, 7), dtype=np.float32)
    for scale in range(SCALES):
        if planes.shape[1] < 3:
            break
        light = planes[0]
        contrasts[scale, :3] = _mean_size(planes[:, :, 1:] - planes[:, :, :-1])
        contrasts[scale, 3:6] = _mean_size(planes[:, 1:] - planes[:, :-1])
        around = light[2:, 1:-1] + light[:-2, 1:-1] + light[1:-1, 2:] + light[1:-1, :-2]
        contrasts[scale, 6:] = _mean_size((4 * light[1:-1, 1:-1] - around)[None])
        planes = _halved(planes)
    return np.concatenate([tones, np.log(contrasts + LEAST).ravel()]).astype(np.float16)


def _mean_size(differences: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the mean absolute value of each plane."""
    return np.asarray(np.abs(differences, out=differences).mean(axis=(1, 2)))


def _halved(planes: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return planes (k, n, n) at half their size: means of 2 x 2 pixels."""
    even = planes.shape[1] // 2 * 2
    rows = planes[:, :even:2, :even] + planes[:, 1:even:2, :even]
    return np.asarray((rows[:, :, ::2] + rows[:, :, 1::2]) / 4)
