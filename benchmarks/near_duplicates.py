"""Which copies of an image are found to be near-duplicates? On pbc8 and isic8.

    python benchmarks/near_duplicates.py [--copies 100] [--backbone NAME] [--most N]

Images are copied, changed as copies in archives are, embedded by a backbone and added to the pool,
one kind of copy at a time; then the app's own search runs. Printed is the share of copies joined
with their original: by the pool's threshold, and by it or by standing out, as the app does. The
last line counts the pairs that it joins in the pool as it is.
"""

import argparse
import io

import numpy as np
import torch
from _embeddings import DATA, embeddings
from PIL import Image, ImageChops, ImageEnhance

from fewshot_lab.backbones import default_name, find
from fewshot_lab.classifiers import Pool
from fewshot_lab.embeddings import build_index
from fewshot_lab.evaluation import near_threshold
from fewshot_lab.project.near_duplicates import FLOOR, Near, find_near


def saved(image: Image.Image, quality: int) -> Image.Image:
    """Return an image as JPEG of a quality keeps it."""
    data = io.BytesIO()
    image.save(data, "JPEG", quality=quality)
    return Image.open(data).convert("RGB")


def cut(image: Image.Image, share: float) -> Image.Image:
    """Return an image without a share of its width and height at either side."""
    w, h = image.size
    return image.crop(
        (round(share * w), round(share * h), w - round(share * w), h - round(share * h))
    )


COPIES = {
    "scaled to 90 %": lambda i: i.resize((int(0.9 * i.width), int(0.9 * i.height))),
    "brighter by 6 %": lambda i: ImageEnhance.Brightness(i).enhance(1.06),
    "cut by 2.5 % at each side": lambda i: cut(i, 0.025),
    "moved by 3 pixels": lambda i: ImageChops.offset(i, 3, 2),
    "JPEG, quality 85": lambda i: saved(i, 85),
    "JPEG, quality 70": lambda i: saved(i, 70),
    "JPEG, quality 50": lambda i: saved(i, 50),
    "upside down": lambda i: i.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
}


def joined(near: Near) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs joined by the threshold, and by it or by standing out."""
    close = near.cosines >= near_threshold(near.nearest).value
    return near.pairs[close], near.pairs[close | near.stands_out]


def main() -> None:
    """Print the shares found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--copies", type=int, default=100)
    parser.add_argument("--backbone", default=default_name())
    parser.add_argument("--most", type=int, help="images of each class, at most")
    options = parser.parse_args()
    copies, backbone = options.copies, find(options.backbone)
    network, preprocessing = backbone.load("cpu"), backbone.preprocessing
    for name in ("pbc8", "isic8"):
        images = embeddings(name, backbone, options.most)
        pool, parts = images.X.astype(np.float32), images.parts
        paths = [DATA / name / file for file in images.files]
        some = np.random.default_rng(0).choice(len(paths), copies, replace=False)
        originals = [Image.open(paths[k]).convert("RGB") for k in some]

        def embedded(images: list[Image.Image]) -> np.ndarray:
            with torch.inference_mode():
                batch = np.stack([preprocessing.array(image) for image in images])
                return network(torch.from_numpy(batch)).numpy().astype(np.float32)

        # The originals among the pool, by what the backbone makes of them.
        seen = images.pool()
        known = build_index(seen.rotated)
        first = known.search(seen.rotate(embedded(originals)), 1)[1][:, 0]
        print(f"{name}, {len(pool):,} images", flush=True)
        for kind, changed in COPIES.items():
            X = np.concatenate([pool, embedded([changed(image) for image in originals])])
            near = find_near([str(i) for i in range(len(X))], Pool(X, parts=parts).rotated, FLOOR)
            shares = []
            for pairs in joined(near):
                found = {tuple(pair) for pair in pairs.tolist()}
                shares.append(np.mean([(a, len(pool) + k) in found for k, a in enumerate(first)]))
            print(f"  {kind:<28}{100 * shares[0]:4.0f} %  {100 * shares[1]:4.0f} %", flush=True)
        near = find_near([str(i) for i in range(len(pool))], seen.rotated, FLOOR)
        plain, both = joined(near)
        threshold = near_threshold(near.nearest).value
        print(
            f"  pairs in the pool as it is: {len(plain)} above {threshold:.3f}, {len(both)} in all"
        )


if __name__ == "__main__":
    main()
