"""The recipe of Nielsen et al. 2023, in the units of its authors.

Read from their code, sparsam at commit 9457ae3; where that says more than the published weights can
hold (a fourth layer of the head), the weights count.
"""

from typing import Any

IN_EPOCHS = {"teacher_temperature_warmup": 10, "warmup_steps": 2, "frozen_last_layer_steps": 1}
"""Durations that they state in epochs; of the whole training, 500."""

VALUES: dict[str, Any] = {
    "backbone": "xcit_small_12_p8_224.fb_dist_in1k",
    "start": "imagenet",
    # Images and views.
    "resize": "nearest",
    "cache_size": 256,
    "pixel_range": "-1 to 1",
    "global_size": 256,
    "local_size": 96,
    "local_crops": 5,
    "global_scale_low": 0.5,
    "global_scale_high": 1.0,
    "local_scale_low": 0.1,
    "local_scale_high": 0.5,
    "perspective_probability": 0.5,
    "perspective_distortion": 0.5,
    "rotation": 180.0,
    "horizontal_flip": True,
    "vertical_flip": True,
    "quarter_turns": False,
    "brightness": 0.4,
    "contrast": 0.4,
    "saturation": 0.2,
    "hue": 0.1,
    "colour_probability": 0.8,
    "grey_probability": 0.2,
    "blur_probability": 1.0,
    "blur_probability_second": 0.1,
    "blur_probability_local": 0.5,
    "blur_sigma": 5.0,
    "blur_sigma_local": 5.0,
    "solarise_probability": 0.2,
    # Head, teacher and loss.
    "prototypes": 65_536,
    "head_hidden": 2048,
    "head_bottleneck": 256,
    "student_temperature": 0.1,
    "teacher_temperature_start": 0.02,
    "teacher_temperature": 0.04,
    "centring": True,
    "centre_momentum": 0.9,
    "ema_start": 0.9995,
    "ema_end": 0.9995,
    # Optimiser.
    "learning_rate": 5e-4,
    "head_learning_rate": 5e-4,
    "final_learning_rate": 0.0,
    "weight_decay": 0.04,
    "final_weight_decay": 0.4,
    "clip": 0.0,
    "adaptive_clip": 0.32,
    "head_only_steps": 0,
    "frozen_stages": 0,
    "drop_path": 0.0,
}

ON_GPU = {"precision": "bf16", "compile": True, "device_views": True, "workers": -1}
"""Not theirs: how this loop runs where it runs fast."""


def paper_values(n_images: int, batch_size: int, epochs: float, device: str) -> dict[str, Any]:
    """Return the values, their epochs as steps over so many images.

    Their loader leaves out the images that do not fill a last batch: so an epoch has whole batches.
    """
    epoch = max(1, n_images // batch_size)
    durations = {name: number * epoch for name, number in IN_EPOCHS.items()}
    return {
        **VALUES,
        **(ON_GPU if device.startswith("cuda") else {}),
        "batch_size": batch_size,
        "steps": max(1, round(epochs * epoch)),
        **durations,
    }
