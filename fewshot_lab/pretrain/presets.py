"""Which changes leave an image of a kind what it is: flips, turns and colours by modality."""

import difflib
from dataclasses import dataclass, field
from typing import Any

from fewshot_lab.errors import FewshotLabError


@dataclass(frozen=True)
class Preset:
    """Views that are safe for a kind of image.

    Attributes
    ----------
    title : str
    values : dict
        Fields of :class:`fewshot_lab.pretrain.Recipe`.
    reasons : dict
        Why, for the same fields.
    """

    title: str
    values: dict[str, Any]
    reasons: dict[str, str] = field(default_factory=dict)


_ANY_WAY_UP = {
    "horizontal_flip": "There is no left or right.",
    "vertical_flip": "There is no up or down.",
    "quarter_turns": "The image means the same whichever way it lies.",
}

_ALL_FLIPS = {"horizontal_flip": True, "vertical_flip": True, "quarter_turns": True}
_NO_TURNS = dict.fromkeys(_ALL_FLIPS, False)
_LEFT_IS_RIGHT = _NO_TURNS | {"horizontal_flip": True}

_NO_COLOUR = {
    "saturation": "There is no colour.",
    "hue": "There is no colour.",
    "grey_probability": "It is grey as it is.",
}


def _changes(
    brightness: float, contrast: float, saturation: float = 0.0, hue: float = 0.0, *, blur: float
) -> dict[str, Any]:
    """Return how far light and colours change (in four of five views), and how often it blurs."""
    return {
        "brightness": brightness,
        "contrast": contrast,
        "saturation": saturation,
        "hue": hue,
        "colour_probability": 0.8,
        "grey_probability": 0.0,
        "blur_probability": blur,
    }


PRESETS = {
    "stained microscopy": Preset(
        "Stained microscopy",
        _ALL_FLIPS | _changes(0.3, 0.3, 0.2, 0.02, blur=1.0),
        _ANY_WAY_UP
        | {
            "brightness": "Lamp and exposure differ between microscopes.",
            "saturation": "Stains fade and differ a little between batches.",
            "hue": "The colour is the stain, and the stain is the finding: it hardly moves.",
            "grey_probability": "Without its colour a stain says nothing.",
            "blur_probability": "Always, as in DINO: focus differs between slides.",
        },
    ),
    "dermoscopy": Preset(
        "Dermoscopy",
        _ALL_FLIPS | _changes(0.3, 0.3, 0.3, 0.03, blur=1.0),
        _ANY_WAY_UP
        | {
            "brightness": "Cameras and skin differ in brightness.",
            "saturation": "Cameras differ in colour.",
            "hue": "Brown, blue and red are findings: hue moves little.",
            "grey_probability": "The colours of a lesion are findings.",
            "blur_probability": "Always, as in DINO: some pictures are out of focus.",
        },
    ),
    "endoscopy": Preset(
        "Endoscopy",
        _ALL_FLIPS | _changes(0.4, 0.4, 0.2, 0.02, blur=1.0),
        _ANY_WAY_UP
        | {
            "brightness": "The lamp's distance changes brightness from frame to frame.",
            "saturation": "Cameras differ a little.",
            "hue": "Redness is a finding: hue hardly moves.",
            "grey_probability": "Redness is a finding.",
            "blur_probability": "Always, as in DINO: the tip moves while it films.",
        },
    ),
    "radiology grey": Preset(
        "Radiology (grey)",
        _NO_TURNS | _changes(0.2, 0.2, blur=0.5),
        _NO_COLOUR
        | {
            "horizontal_flip": "Left and right of a body differ: the heart lies left.",
            "vertical_flip": "The patient's position has an up and a down.",
            "quarter_turns": "The patient's position has an up and a down.",
            "brightness": "Windows and exposures differ a little; density is a finding.",
            "blur_probability": "Fine structures are findings: half as often as DINO.",
        },
    ),
    "ultrasound": Preset(
        "Ultrasound",
        _LEFT_IS_RIGHT | _changes(0.3, 0.3, blur=0.5),
        _NO_COLOUR
        | {
            "horizontal_flip": "The probe may be held either way round.",
            "vertical_flip": "Depth goes down: shadows lie below what casts them.",
            "quarter_turns": "Depth goes down: shadows lie below what casts them.",
            "brightness": "Gain differs from machine to machine and from hand to hand.",
            "blur_probability": "Speckle is a finding: half as often as DINO.",
        },
    ),
    "fundus": Preset(
        "Fundus",
        _LEFT_IS_RIGHT | _changes(0.3, 0.3, 0.2, 0.02, blur=1.0),
        {
            "horizontal_flip": "A mirrored right eye looks like a left one.",
            "vertical_flip": "The vessels' arcades have an up and a down.",
            "quarter_turns": "Optic disc and macula lie side by side.",
            "brightness": "Pupil and flash differ from eye to eye.",
            "saturation": "Cameras and pigment differ in colour.",
            "hue": "Red is blood, yellow is exudate: hue hardly moves.",
            "grey_probability": "The colours of spots are findings.",
            "blur_probability": "Always, as in DINO: some pictures are out of focus.",
        },
    ),
    "oct": Preset(
        "OCT",
        _LEFT_IS_RIGHT | _changes(0.2, 0.3, blur=0.5),
        _NO_COLOUR
        | {
            "horizontal_flip": "A mirrored right eye looks like a left one.",
            "vertical_flip": "The layers have an order.",
            "quarter_turns": "The layers have an order.",
            "brightness": "Signal strength differs from scan to scan.",
            "blur_probability": "Thin layers are findings: half as often as DINO.",
        },
    ),
    "photographs": Preset(
        "Photographs",
        _LEFT_IS_RIGHT | _changes(0.4, 0.4, 0.2, 0.03, blur=1.0),
        {
            "horizontal_flip": "Left and right of a scene mean the same.",
            "vertical_flip": "A scene has an up and a down.",
            "quarter_turns": "A scene has an up and a down.",
            "brightness": "Light differs from picture to picture.",
            "saturation": "Cameras differ in colour.",
            "hue": "Redness of skin and wounds is a finding: hue hardly moves.",
            "grey_probability": "Colours are findings.",
            "blur_probability": "Always, as in DINO: some pictures are out of focus.",
        },
    ),
    "other": Preset(
        "Other",
        _NO_TURNS | _changes(0.2, 0.2, 0.1, 0.01, blur=0.5),
        dict.fromkeys(
            ("horizontal_flip", "vertical_flip", "quarter_turns"),
            "Not known to be safe: switch it on if the image means the same afterwards.",
        )
        | dict.fromkeys(
            ("brightness", "contrast", "saturation", "hue", "blur_probability"),
            "So little that hardly any finding is lost.",
        ),
    ),
}


def preset(modality: str) -> Preset:
    """Return the preset of a modality.

    Raises
    ------
    FewshotLabError
        For a name that is none of :data:`PRESETS`.
    """
    if modality in PRESETS:
        return PRESETS[modality]
    close = difflib.get_close_matches(modality, PRESETS, n=1, cutoff=0.4)
    hint = f"; did you mean {close[0]!r}?" if close else f": take one of {', '.join(PRESETS)}."
    raise FewshotLabError(f"There is no modality {modality!r}{hint}")
