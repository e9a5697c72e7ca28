"""Which copies of an image are found to be near-duplicates? On pbc8 and isic8.

    python benchmarks/near_duplicates.py [--copies 100] [--backbone NAME] [--most N]

Images are copied, changed as copies in archives are, embedded by a backbone and added to the pool,
one kind of copy at a time; then the app's own search runs. Printed is the share of copies joined
with their original: by the embeddings (the pool's threshold, or standing out), by the pixels of
the thumbnails, and by either, as the app does; and how many copies were joined with another image
by their pixels. The last line counts the pairs that are joined in the pool as it is.
"""

import argparse
import io

import numpy as np
import torch
from _embeddings import DATA, embeddings
from PIL import Image, ImageChops, ImageEnhance

from fewshot_lab.backbones import default_name, find
from fewshot_lab.classifiers import Pool
from fewshot_lab.embeddings import COPY_SIDE, build_index, describe_picture, find_copies
from fewshot_lab.evaluation import near_threshold
from fewshot_lab.images import make_thumbnail
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
    "JPEG, quality 30": lambda i: saved(i, 30),
    "mirrored": lambda i: i.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "upside down": lambda i: i.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
    "a quarter turn": lambda i: i.transpose(Image.Transpose.ROTATE_90),
    "mirrored, JPEG 50": lambda i: saved(i.transpose(Image.Transpose.FLIP_LEFT_RIGHT), 50),
}


def joined(near: Near) -> np.ndarray:
    """Return the pairs joined by their embeddings: by the threshold, or by standing out."""
    close = near.cosines >= near_threshold(near.nearest).value
    return near.pairs[close | near.stands_out]


def gray(image: Image.Image) -> np.ndarray:
    """Return what the app compares of an image, read from its thumbnail."""
    thumbnail = Image.open(io.BytesIO(make_thumbnail(image))).convert("L")
    return np.asarray(thumbnail.resize((COPY_SIDE, COPY_SIDE), Image.Resampling.BOX), np.float32)


def copies_among(grays: list[np.ndarray], start: int) -> set[tuple[int, int]]:
    """Return the pairs of copies of which one comes at ``start`` or later."""
    descriptions = np.stack([describe_picture(each) for each in grays])
    found = find_copies(grays.__getitem__, descriptions, np.arange(start, len(grays)))
    return {(a, b) for a, b in found.tolist()}


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
        grays = [gray(Image.open(path).convert("RGB")) for path in paths]
        print(f"  {'':<28}embedding  pixels  either  with another")
        for kind, changed in COPIES.items():
            after = [changed(image) for image in originals]
            X = np.concatenate([pool, embedded(after)])
            near = find_near([str(i) for i in range(len(X))], Pool(X, parts=parts).rotated, FLOOR)
            by_embedding = {tuple(pair) for pair in joined(near).tolist()}
            by_pixels = copies_among(grays + [gray(image) for image in after], len(pool))
            right = [(int(a), len(pool) + k) for k, a in enumerate(first)]
            own = [(int(a), len(pool) + k) for k, a in enumerate(some)]
            other = len(by_pixels - set(right) - set(own))
            embedding = np.array([a in by_embedding for a in right])
            pixels = np.array([bool({a, b} & by_pixels) for a, b in zip(right, own, strict=True)])
            shares = embedding.mean(), pixels.mean(), (embedding | pixels).mean()
            told = "".join(f"{100 * share:7.0f} %" for share in shares)
            print(f"  {kind:<28}{told}{other:8}", flush=True)
        near = find_near([str(i) for i in range(len(pool))], seen.rotated, FLOOR)
        plain, pixels = len(joined(near)), len(copies_among(grays, 0))
        print(f"  pairs in the pool as it is: {plain} by embedding, {pixels} by pixels", flush=True)


if __name__ == "__main__":
    main()
