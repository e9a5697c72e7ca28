"""From a picture to the square of pixels that a backbone sees.

Only the standard library, numpy and Pillow: an exported bundle's ``predict.py`` carries this text.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from fewshot_lab.errors import FewshotLabError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
HALF = (0.5, 0.5, 0.5)

_FILTERS = {
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "nearest": Image.Resampling.NEAREST,
}


@dataclass(frozen=True)
class Preprocessing:
    """How a picture becomes a backbone's input.

    Attributes
    ----------
    size
        Side of the square input in pixels.
    resize
        ``"squash"``: both sides to ``size``, aspect ratio not kept, so that nothing of the picture
        is lost. ``"crop"``: the shorter side to ``size / crop``, then the middle ``size`` square.
    crop
        Share of the shorter side that a centre crop keeps; 1 for ``"squash"``.
    interpolation
        Pillow's filter: an antialiased one, or ``"nearest"``, which takes single pixels.
    mean, std
        Per channel, for values in 0..1. Applied inside the backbone's module, not here.
    """

    size: int
    resize: Literal["squash", "crop"] = "squash"
    crop: float = 1.0
    interpolation: Literal["bicubic", "bilinear", "nearest"] = "bicubic"
    mean: tuple[float, float, float] = HALF
    std: tuple[float, float, float] = HALF

    def array(self, image: Image.Image) -> npt.NDArray[np.uint8]:
        """Resize and crop one picture.

        Parameters
        ----------
        image
            8-bit RGB.

        Returns
        -------
        ndarray of uint8, shape (size, size, 3)
        """
        if image.mode != "RGB":
            image = image.convert("RGB")
        resample = _FILTERS[self.interpolation]
        if self.resize == "squash":
            if image.size != (self.size, self.size):
                image = image.resize((self.size, self.size), resample)
            return np.array(image)
        width, height = image.size
        scale = round(self.size / self.crop) / min(width, height)
        width = max(self.size, round(width * scale))
        height = max(self.size, round(height * scale))
        left, top = (width - self.size) // 2, (height - self.size) // 2
        # Only the part that survives the crop is computed: `box` is in the source's pixels.
        box = (
            left / width * image.width,
            top / height * image.height,
            (left + self.size) / width * image.width,
            (top + self.size) / height * image.height,
        )
        return np.array(image.resize((self.size, self.size), resample, box=box))

    @property
    def at_least(self) -> int | None:
        """What to tell :func:`fewshot_lab.images.read_rgb`: the shorter side after resizing, px.

        None where the picture must be decoded at its full size: nearest neighbours of a picture
        that was scaled while decoding are others.
        """
        if self.interpolation == "nearest":
            return None
        return self.size if self.resize == "squash" else round(self.size / self.crop)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Preprocessing":
        """Read what :meth:`to_dict` wrote.

        Raises
        ------
        FewshotLabError
            If a value is missing or makes no sense.
        """
        try:
            mean, std = (tuple(float(v) for v in values[key]) for key in ("mean", "std"))
            preprocessing = cls(
                size=int(values["size"]),
                resize=values.get("resize", "squash"),
                crop=float(values.get("crop", 1.0)),
                interpolation=values.get("interpolation", "bicubic"),
                mean=mean,  # type: ignore[arg-type]
                std=std,  # type: ignore[arg-type]
            )
        except (KeyError, TypeError, ValueError) as error:
            raise FewshotLabError(f"The preprocessing cannot be read: {error!r}.") from error
        sensible = (
            8 <= preprocessing.size <= 4096
            and preprocessing.resize in ("squash", "crop")
            and preprocessing.interpolation in _FILTERS
            and 0 < preprocessing.crop <= 1
            and len(preprocessing.mean) == len(preprocessing.std) == 3
            and all(s > 0 for s in preprocessing.std)
        )
        if not sensible:
            raise FewshotLabError(f"The preprocessing {values} is not valid.")
        return preprocessing
