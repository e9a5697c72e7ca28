"""What kind of image a project holds is proposed from what can be seen and read."""

import numpy as np
import pytest

from fewshot_lab.pretrain import PRESETS, propose_modality

COLOUR = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
# As a grey JPEG comes back: its channels differ a little.
GREY = np.repeat(COLOUR[..., :1] // 2 + 60, 3, -1) + np.array([0, 3, 6], np.uint8)


@pytest.mark.parametrize(
    ("names", "pictures", "kind", "why"),
    [
        (["blood", "basophil", "platelet"], [COLOUR], "stained microscopy", "“basophil”"),
        (["squamous_cell_carcinoma", "nevus", "ISIC_0024468.jpg"], [COLOUR], "dermoscopy", "isic"),
        (["kvasir-v2", "polyps"], [COLOUR], "endoscopy", "“kvasir”"),
        (["blood"], [GREY, GREY], "radiology grey", "no colour"),
        (["breast ultrasound"], [GREY], "ultrasound", "“ultrasound”"),
        (["retinal", "OCT", "DRUSEN-1"], [GREY], "oct", "“drusen”"),
        (["chest xray", "oct"], [GREY], None, "Neither"),
        (["retinal fundus"], [COLOUR], "fundus", "“fundus”"),
        (["october"], [COLOUR], None, "Neither"),
        (["blood"], [GREY, COLOUR], "stained microscopy", "“blood”"),
        (["study 7", "a", "b"], [COLOUR], None, "Neither"),
        (["skin", "blood"], [COLOUR], None, "Neither"),
        ([], [], None, "Neither"),
    ],
)
def test_it_is_proposed_or_left_open(names, pictures, kind, why):
    proposal = propose_modality(names, pictures)
    assert proposal.modality == kind
    assert why in proposal.why
    assert kind is None or kind in PRESETS


def test_what_no_preset_knows_is_changed_least():
    other = PRESETS["other"].values
    assert not any(value for name, value in other.items() if isinstance(value, bool))
    for strength in ("brightness", "contrast", "blur_probability"):
        assert other[strength] == min(each.values[strength] for each in PRESETS.values())
