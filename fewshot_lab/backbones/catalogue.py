"""The published backbones that are offered by name: facts, and nothing else.

Each row was checked against its authors' page or code. What could not be checked is not here; a
file of it can still be used by its path.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from fewshot_lab.backbones.card import Card
from fewshot_lab.backbones.preprocessing import HALF, IMAGENET_MEAN, IMAGENET_STD, Preprocessing

PREFIX = "timm:"
"""Before the name of a model of timm."""

ANY, BLOOD, TISSUE, CHEST = "any images", "blood cells", "histology", "chest X-rays"

APACHE, MIT, CC_NC_ND = "Apache-2.0", "MIT", "CC BY-NC-ND 4.0"
DINOV3 = "DINOv3 License (has conditions of its own: read it before publishing)"

LARGE = "Larger than the 2 GB that a bundle can hold: for use in the app alone."

# Pictures made so many pixels on the shorter side, then the middle square; most of these networks
# were trained on squares.
_MIDDLE = Preprocessing(size=224, resize="crop", crop=1.0, mean=IMAGENET_MEAN, std=IMAGENET_STD)
_MIDDLE_BILINEAR = replace(_MIDDLE, interpolation="bilinear")


def _dino(name: str, title: str, size_mb: float, dimensions: int) -> Card:
    return Card(
        name=PREFIX + name,
        title=title,
        source=f"timm/{name}",
        licence=APACHE,
        licence_class="open",
        training="ImageNet-1k without labels (DINO, Caron et al. 2021)",
        size_mb=size_mb,
        dimensions=dimensions,
        preprocessing=replace(_MIDDLE, crop=0.9),
        offline=False,
        domain=ANY,
        good_for="Any images, as a plain and well-known comparison.",
    )


def _dinov2(name: str, title: str, size_mb: float, dimensions: int) -> Card:
    return Card(
        name=PREFIX + name,
        title=title,
        source=f"timm/{name}",
        licence=APACHE,
        licence_class="open",
        training="LVD-142M without labels (DINOv2, Oquab et al. 2023)",
        size_mb=size_mb,
        dimensions=dimensions,
        preprocessing=Preprocessing(size=224, mean=IMAGENET_MEAN, std=IMAGENET_STD),
        offline=False,
        note="Run at 224 px, position embeddings resized; it was finished at 518 px.",
        domain=ANY,
        good_for="Any images for which there is no network of their own field.",
    )


def _dinov3(name: str, title: str, size_mb: float, dimensions: int) -> Card:
    return Card(
        name=PREFIX + name,
        title=title,
        source=f"timm/{name}",
        licence=DINOV3,
        licence_class="share-alike",
        training="LVD-1689M without labels (DINOv3, Siméoni et al. 2025)",
        size_mb=size_mb,
        dimensions=dimensions,
        preprocessing=Preprocessing(size=256, mean=IMAGENET_MEAN, std=IMAGENET_STD),
        offline=False,
        domain=ANY,
        good_for="Any images for which there is no network of their own field.",
        note="The mean of its patches alone, as timm pools it.",
    )


TIMM = (
    _dino("vit_small_patch16_224.dino", "DINO ViT-S/16", 87, 384),
    _dino("vit_small_patch8_224.dino", "DINO ViT-S/8", 87, 384),
    _dino("vit_base_patch16_224.dino", "DINO ViT-B/16", 343, 768),
    _dino("vit_base_patch8_224.dino", "DINO ViT-B/8", 343, 768),
    _dinov2("vit_small_patch14_dinov2.lvd142m", "DINOv2 ViT-S/14", 88, 384),
    _dinov2("vit_base_patch14_dinov2.lvd142m", "DINOv2 ViT-B/14", 346, 768),
    _dinov2("vit_large_patch14_dinov2.lvd142m", "DINOv2 ViT-L/14", 1217, 1024),
    _dinov2("vit_small_patch14_reg4_dinov2.lvd142m", "DINOv2 ViT-S/14, registers", 88, 384),
    _dinov2("vit_base_patch14_reg4_dinov2.lvd142m", "DINOv2 ViT-B/14, registers", 346, 768),
    _dinov2("vit_large_patch14_reg4_dinov2.lvd142m", "DINOv2 ViT-L/14, registers", 1217, 1024),
    _dinov3("vit_small_patch16_dinov3.lvd1689m", "DINOv3 ViT-S/16", 86, 384),
    _dinov3("vit_base_patch16_dinov3.lvd1689m", "DINOv3 ViT-B/16", 343, 768),
)
"""Models that timm itself lists."""


@dataclass(frozen=True)
class Published:
    """Weights on the Hugging Face hub.

    Attributes
    ----------
    card
        Its ``source`` is the repository.
    architecture
        timm's name, or one of :data:`fewshot_lab.backbones.networks.NETWORKS`.
    file
        The weights in the repository.
    """

    card: Card
    architecture: str
    file: str = "model.safetensors"


def _dinov3_both(size: str, model: str, size_mb: float, width: int) -> Published:
    base = _dinov3(f"{model}.lvd1689m", f"DINOv3 ViT-{size}/16, CLS and mean", size_mb, 2 * width)
    card = replace(
        base,
        name=f"dinov3-{size.lower()}16",
        pooling="cls+mean",
        note="Class token beside the mean of the patches, as its authors train linear classifiers.",
    )
    return Published(card, model)


def _dinobloom(size: str, model: str, size_mb: float, dimensions: int) -> Published:
    return Published(
        Card(
            name=f"dinobloom-{size[0].lower()}",
            title=f"DinoBloom-{size[0].upper()}",
            source=f"1aurent/vit_{size}_patch14_224.dinobloom",
            licence=APACHE,
            licence_class="open",
            training=(
                "DINOv2 went on without labels on 380,000 white blood cells of 13 public sets, "
                "blood and bone marrow (Koch et al. 2024)"
            ),
            size_mb=size_mb,
            dimensions=dimensions,
            preprocessing=_MIDDLE_BILINEAR,
            offline=False,
            note=LARGE if size == "giant" else "",
            domain=BLOOD,
            good_for="Single cells of blood and bone marrow smears.",
            leaks=(
                "13 public sets of blood and bone marrow cells, which its paper lists: figures on "
                "one of them are optimistic."
            ),
        ),
        model,
    )


def _reddino(size: str, size_mb: float, dimensions: int) -> Published:
    return Published(
        Card(
            name=f"reddino-{size[0]}",
            title=f"RedDino-{size[0].upper()}",
            source=f"Snarcy/RedDino-{size}",
            licence=APACHE,
            licence_class="open",
            training=(
                "DINOv2 went on without labels on 1.25 million pictures of red blood cells of 18 "
                "sets (RedDino, Zedda et al. 2025)"
            ),
            size_mb=size_mb,
            dimensions=dimensions,
            preprocessing=_MIDDLE,
            offline=False,
            domain=BLOOD,
            good_for="Red blood cells: their shapes, and what is wrong with them.",
            leaks="18 sets of red blood cells: figures on one of them are optimistic.",
        ),
        f"vit_{size}_patch14_dinov2",
    )


def _hibou(size: str, repository: str, patches: str, size_mb: float, width: int) -> Published:
    return Published(
        Card(
            name=f"hibou-{size[0]}",
            title=f"Hibou-{size[0].upper()}",
            source=repository,
            licence=APACHE,
            licence_class="open",
            gated=True,
            training=(
                f"{patches} patches of 1.1 million private slides, H&E and others, without labels "
                "(DINOv2; Nechaev et al. 2024)"
            ),
            size_mb=size_mb,
            dimensions=width,
            preprocessing=replace(
                _MIDDLE, mean=(0.7068, 0.5755, 0.722), std=(0.195, 0.2316, 0.1816)
            ),
            offline=False,
            domain=TISSUE,
            good_for="Tissue sections, H&E and other stains.",
        ),
        f"vit_{size}_patch14_reg4_swiglu",
    )


PUBLISHED = (
    _dinov3_both("S", "vit_small_patch16_dinov3", 86, 384),
    _dinov3_both("B", "vit_base_patch16_dinov3", 343, 768),
    _dinov3_both("L", "vit_large_patch16_dinov3", 1212, 1024),
    Published(
        Card(
            name="biomedclip",
            title="BiomedCLIP, image tower",
            source="microsoft/BiomedCLIP-PubMedBERT_256-vit_base_patch16_224",
            licence=MIT,
            licence_class="open",
            training=(
                "15 million figures with their captions from PubMed Central (Zhang et al. 2023)"
            ),
            size_mb=784,
            dimensions=768,
            preprocessing=replace(
                _MIDDLE,
                mean=(0.48145466, 0.4578275, 0.40821073),
                std=(0.26862954, 0.26130258, 0.27577711),
            ),
            offline=False,
            note="Before the projection to the texts' space; its file holds the text tower, too.",
            domain=ANY,
            good_for="Medical images of many kinds mixed, such as those in papers.",
            leaks="Figures of papers in PubMed Central: images that a paper has shown.",
        ),
        "vit_base_patch16_224",
        "open_clip_pytorch_model.bin",
    ),
    _dinobloom("small", "vit_small_patch14_dinov2", 87, 384),
    _dinobloom("base", "vit_base_patch14_dinov2", 343, 768),
    _dinobloom("large", "vit_large_patch14_dinov2", 1213, 1024),
    _dinobloom("giant", "vit_giant_patch14_dinov2", 4541, 1536),
    _reddino("small", 87, 384),
    _reddino("base", 343, 768),
    _reddino("large", 1213, 1024),
    Published(
        Card(
            name="rad-dino",
            title="RAD-DINO",
            source="microsoft/rad-dino",
            licence=MIT,
            licence_class="open",
            training=(
                "DINOv2 ViT-B/14 went on without labels on public chest X-rays "
                "(Pérez-García et al. 2025)"
            ),
            size_mb=346,
            dimensions=768,
            preprocessing=replace(_MIDDLE, size=518, mean=(0.5307,) * 3, std=(0.2583,) * 3),
            offline=False,
            note="Sees 518 px, five times as many patches as at 224 px: slow without a GPU.",
            domain=CHEST,
            good_for="Chest X-rays.",
            leaks=(
                "Public chest X-rays; training_images.csv in its repository lists them, and "
                "figures on them are optimistic."
            ),
        ),
        "vit_base_patch14_dinov2",
    ),
    _hibou("base", "histai/hibou-b", "512 million", 343, 768),
    _hibou("large", "histai/hibou-L", "1.2 billion", 1213, 1024),
    Published(
        Card(
            name="h-optimus-0",
            title="H-optimus-0",
            source="bioptimus/H-optimus-0",
            licence=APACHE,
            licence_class="open",
            gated=True,
            training=(
                "hundreds of millions of patches of 500,000 private H&E slides, without labels "
                "(Saillard et al. 2024)"
            ),
            size_mb=4540,
            dimensions=1536,
            preprocessing=replace(
                _MIDDLE_BILINEAR,
                mean=(0.707223, 0.578729, 0.703617),
                std=(0.211883, 0.230117, 0.177517),
            ),
            offline=False,
            note=LARGE,
            domain=TISSUE,
            good_for="Tissue sections stained with H&E, on a GPU.",
        ),
        "vit_giant_patch14_reg4_dinov2",
        "pytorch_model.bin",
    ),
    Published(
        Card(
            name="midnight-12k",
            title="Midnight-12k",
            source="kaiko-ai/midnight",
            licence=MIT,
            licence_class="open",
            training="12,000 slides of TCGA, without labels (Karasikov et al. 2025)",
            size_mb=4541,
            dimensions=3072,
            preprocessing=replace(_MIDDLE_BILINEAR, mean=HALF, std=HALF),
            offline=False,
            note=LARGE,
            domain=TISSUE,
            good_for="Tissue sections stained with H&E, on a GPU.",
            leaks="TCGA: figures on a set made from its slides are optimistic.",
            pooling="cls+mean",
        ),
        "vit_giant_patch14_dinov2",
    ),
    Published(
        Card(
            name="virchow",
            title="Virchow",
            source="paige-ai/Virchow",
            licence=APACHE,
            licence_class="open",
            gated=True,
            training="over a million private H&E slides, without labels (Vorontsov et al. 2024)",
            size_mb=2525,
            dimensions=2560,
            preprocessing=_MIDDLE,
            offline=False,
            note=LARGE,
            domain=TISSUE,
            good_for="Tissue sections stained with H&E, on a GPU.",
            pooling="cls+mean",
        ),
        "vit_huge_patch14_swiglu",
        "pytorch_model.bin",
    ),
    Published(
        Card(
            name="virchow2",
            title="Virchow2",
            source="paige-ai/Virchow2",
            licence=CC_NC_ND,
            licence_class="no-derivatives",
            gated=True,
            training=(
                "3.1 million private slides at several magnifications, without labels "
                "(Zimmermann et al. 2024)"
            ),
            size_mb=2525,
            dimensions=2560,
            preprocessing=_MIDDLE,
            offline=False,
            note=LARGE,
            domain=TISSUE,
            good_for="Tissue sections at several magnifications, on a GPU.",
            pooling="cls+mean",
        ),
        "vit_huge_patch14_reg4_swiglu",
        "pytorch_model.bin",
    ),
    Published(
        Card(
            name="uni2-h",
            title="UNI2-h",
            source="MahmoodLab/UNI2-h",
            licence=f"{CC_NC_ND} (academic research only; has terms of its own)",
            licence_class="no-derivatives",
            gated=True,
            training=(
                "200 million images of 350,000 H&E and immunohistochemistry slides, without labels "
                "(successor of Chen et al. 2024)"
            ),
            size_mb=2725,
            dimensions=1536,
            preprocessing=_MIDDLE_BILINEAR,
            offline=False,
            note=LARGE,
            domain=TISSUE,
            good_for="Tissue sections, H&E and immunohistochemistry, on a GPU.",
        ),
        "vit_huge_patch14_reg8_swiglu",
        "pytorch_model.bin",
    ),
    Published(
        Card(
            name="phikon-v2",
            title="Phikon-v2",
            source="owkin/phikon-v2",
            licence="Owkin non-commercial licence",
            licence_class="non-commercial",
            training=(
                "public histology (TCGA, CPTAC, GTEx, TCIA and others), without labels "
                "(Filiot et al. 2024)"
            ),
            size_mb=1213,
            dimensions=1024,
            preprocessing=_MIDDLE_BILINEAR,
            offline=False,
            domain=TISSUE,
            good_for="Tissue sections stained with H&E.",
            leaks="TCGA, CPTAC, GTEx and TCIA: figures on a set made from them are optimistic.",
        ),
        "vit_large_patch16_dinov2",
    ),
)
"""Models of other authors, or pooled in another way than timm does."""

SHIPPED: dict[str, dict[str, str]] = {
    "efficientnet-lite0-dino": {
        "domain": BLOOD,
        "good_for": "Single blood cells, on any computer.",
        "leaks": "Acevedo et al. 2020, all of it (pbc8): figures on it are optimistic.",
    },
}
"""What the header of weights that ship with the package does not say."""
