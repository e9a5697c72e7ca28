"""Drawing the whole demo set."""

import csv
import io
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.files import write_atomically
from fewshot_lab.images.demo.cells import CELLS
from fewshot_lab.images.demo.smear import picture
from fewshot_lab.images.demo.stain import Slide
from fewshot_lab.images.demo.textures import textures
from fewshot_lab.progress import Progress, silent

CELL_TYPES = tuple(CELLS)
"""The eight types, in the order of their folders."""

SLIDES = 24


def draw_demo(
    folder: Path | str, n: int = 1200, seed: int = 0, progress: Progress = silent
) -> None:
    """Draw a demo set of peripheral blood cells, a folder per type.

    Pictures are 144 x 144 px RGB PNG at 6 px/µm, named after the slide they come from
    (``neutrophil/slide03_0123.png``); ``manifest.csv`` beside the folders has the columns
    ``path,label,slide``. The same ``n`` and ``seed`` give the same bytes. A set that was
    interrupted is completed: pictures that exist are kept.

    Parameters
    ----------
    folder
        Where to draw; made if missing.
    n
        How many pictures in all, spread evenly over the types.
    seed
        Any integer from 0.
    progress
        Told the stage ``"drawing"``.

    Raises
    ------
    FewshotLabError
        When ``n`` or ``seed`` is out of range or the folder cannot be written.
    """
    if n < 1 or seed < 0:
        raise FewshotLabError("A demo set needs at least one picture and a seed from 0.")
    folder = Path(folder)
    slides = [Slide.draw(number, seed) for number in range(1, SLIDES + 1)]
    tiles = textures(seed)
    plan = list(_plan(n, seed))

    def draw(job: tuple[int, str, int]) -> None:
        number, label, slide = job
        target = folder / _path(*job)
        if target.exists():
            return
        rng = np.random.default_rng([seed, 0xCE11, number])
        buffer = io.BytesIO()
        pixels = picture(label, slides[slide - 1], tiles, rng)
        # Noise does not compress: run lengths are twice as fast as a search, and no larger.
        Image.fromarray(pixels).save(buffer, "PNG", compress_level=1, compress_type=zlib.Z_RLE)
        # No fsync per picture: 1,200 of them would take longer than the drawing, and a demo
        # can be drawn again.
        beside = target.with_suffix(".part")
        beside.write_bytes(buffer.getvalue())
        beside.replace(target)

    try:
        for label in CELL_TYPES:
            (folder / label).mkdir(parents=True, exist_ok=True)
        progress("drawing", 0, n)
        with ThreadPoolExecutor(2) as pool:
            waiting = [pool.submit(draw, job) for job in plan]
            try:
                for done, future in enumerate(waiting, 1):
                    future.result()
                    if done % 8 == 0 or done == n:
                        progress("drawing", done, n)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(["path", "label", "slide"])
        rows.writerows(sorted([_path(*job), job[1], f"slide{job[2]:02d}"] for job in plan))
        write_atomically(folder / "manifest.csv", text.getvalue().encode())
    except OSError as error:
        raise FewshotLabError(
            f"The demo pictures cannot be written to {folder}: {error.strerror or error}."
        ) from error


def _plan(n: int, seed: int) -> Iterator[tuple[int, str, int]]:
    """Yield (number, type, slide) for every picture, in a shuffled order."""
    rng = np.random.default_rng([seed, 0x9147])
    labels = [CELL_TYPES[i % len(CELL_TYPES)] for i in range(n)]
    for number, index in enumerate(rng.permutation(n)):
        yield number, labels[index], int(rng.integers(1, SLIDES + 1))


def _path(number: int, label: str, slide: int) -> str:
    return f"{label}/slide{slide:02d}_{number:04d}.png"
