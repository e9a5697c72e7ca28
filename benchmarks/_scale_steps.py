"""The steps of ``scale.py``, each run in a process of its own on the project made before."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from _drawn import blocks
from _scale_clock import Clock

from fewshot_lab.embeddings import EXACT_UP_TO, Embeddings, build_index, pca_map
from fewshot_lab.live import LiveSession
from fewshot_lab.project import Project
from fewshot_lab.project.copies import Copies
from fewshot_lab.store import LabelAction, NewImage

NAME = "drawn"
CLASSES = 8
PER_CLASS = 25
PICTURES = 64
QUERIES = 200
KEYS = 5
CHUNK = 4096
ROUNDING = 5e-4
"""Of a cosine, where vectors are held in two bytes a number."""


def image_ids(n: int) -> list[str]:
    random = np.random.default_rng(7)
    return [random.bytes(10).hex() for _ in range(n)]


def rows(n: int, d: int, clock: Clock) -> None:
    """Make the project: pictures and backbone first, which are not timed."""
    from PIL import Image

    from fewshot_lab.images import make_thumbnail

    project = Project.create(NAME)
    project.store.set("backbone", str(_backbone(project.folder.parent, d)))
    pictures = project.folder / "images"
    pictures.mkdir(exist_ok=True)
    random = np.random.default_rng(3)
    thumbnails = []
    for at in range(PICTURES):
        coarse = random.integers(0, 256, (6, 6, 3), np.uint8)
        picture = Image.fromarray(coarse).resize((128, 128), Image.Resampling.BICUBIC)
        picture.save(pictures / f"{at}.png")
        thumbnails.append(project.folder / "thumbs" / f"{at}.webp")
        thumbnails[-1].parent.mkdir(exist_ok=True)
        thumbnails[-1].write_bytes(make_thumbnail(picture))
    ids = image_ids(n)
    with clock("import rows"):
        for start in range(0, n, 5000):
            project.store.add_images(
                [
                    NewImage(ids[at], f"{at:07}.png", f"images/{at % PICTURES}.png", 0, 128, 128,
                             9000, at, source=f"{at:07}.png")
                    for at in range(start, min(n, start + 5000))
                ]
            )  # fmt: skip
    with clock("(thumbnails linked)"):
        for first in range(256):
            (project.folder / "thumbs" / f"{first:02x}").mkdir(exist_ok=True)
        for at, image_id in enumerate(ids):
            os.link(thumbnails[at % PICTURES], project.thumbnail_path(image_id))
    project.close()


def _backbone(home: Path, d: int) -> Path:
    """Return a checkpoint of a small network with embeddings of this length, weights drawn."""
    import timm
    import torch
    from safetensors.torch import save_file

    path = home / "drawn-backbone.safetensors"
    if not path.exists():
        torch.manual_seed(0)
        name = {192: "vit_tiny_patch16_224", 384: "vit_small_patch16_224"}[d]
        network = timm.create_model(name, pretrained=False, num_classes=0)
        save_file(network.state_dict(), path, metadata={"architecture": name})
    return path


def embed(n: int, d: int, clock: Clock) -> None:
    """Do all that embedding does beside the forward pass."""
    from fewshot_lab.embeddings.batches import Batch
    from fewshot_lab.embeddings.claims import Claims
    from fewshot_lab.embeddings.embedding_run import CPU_BATCH, CPU_SHARD
    from fewshot_lab.embeddings.shard_writer import ShardWriter
    from fewshot_lab.embeddings.work_left import WrittenShards, claimed_chunks

    project = Project.open(NAME)
    folder = project.embedding_folder
    folder.mkdir(parents=True, exist_ok=True)
    vectors = (row for block, _ in blocks(n, d) for row in block)
    drawing = 0.0
    with clock("embed bookkeeping"):
        items = project.items()
        written = WrittenShards(folder)
        writer = ShardWriter(folder, project.backbone, "float32", CPU_SHARD)
        with Claims(folder) as claims:
            for chunk in claimed_chunks(items, written, claims):
                for start in range(0, len(chunk), CPU_BATCH):
                    ids = [item.id for item in chunk[start : start + CPU_BATCH]]
                    began = time.perf_counter()
                    batch = Batch(ids, np.stack([next(vectors) for _ in ids]))
                    batch.statistics = np.zeros((len(ids), 12), np.float16)
                    drawing += time.perf_counter() - began
                    writer.add(batch)
        writer.write()
    clock.figures["embed bookkeeping"] -= drawing
    project.close()


def opened(n: int, d: int, clock: Clock) -> None:
    project = Project.open(NAME)
    _ = project.embedding_folder  # its fingerprint: the same whatever the number of images
    with clock("open embeddings"):
        embeddings = project.require_embeddings()
    vectors = embeddings.vectors()
    with clock("read once, in blocks"):
        for start in range(0, n, CHUNK):
            assert vectors[start : start + CHUNK].shape[1] == d
    with clock("PCA picture"):
        pca_map(vectors)
    project.close()


def pool(n: int, d: int, clock: Clock) -> None:
    for name in ("pool, both views made and kept", "pool, both views mapped"):
        with Project.open(NAME) as project:
            if "made" in name:
                shutil.rmtree(project.folder / "pools", ignore_errors=True)
            project.require_embeddings()
            with clock(name):
                _ = project.pool.levelled


def index(n: int, d: int, clock: Clock) -> None:
    """Build what answers for similar images, open it in another process's place, and ask."""
    project = Project.open(NAME)
    ids = project.require_embeddings().ids
    asked = [ids[at] for at in np.random.default_rng(1).choice(n, QUERIES, replace=False)]
    _ = project.pool
    with clock("index built"):
        project.neighbours(asked[0])
    again = Project.open(NAME)
    _ = again.pool
    with clock("index opened again"):
        again.neighbours(asked[0])
    with clock(f"neighbours of {QUERIES} images"):
        similar = [again.neighbours(image_id, 20) for image_id in asked]
    vectors = again.pool.rotated
    if n > EXACT_UP_TO:  # compared in axes of its own
        kept = again.similar.kept_index
        vectors = np.concatenate(
            [kept.vectors(np.arange(at, min(n, at + CHUNK))) for at in range(0, n, CHUNK)]
        )
    exact = build_index(vectors, kind="flat", device="cpu")
    place = {image_id: row for row, image_id in enumerate(ids)}
    cosines, _ = exact.search(vectors[[place[i] for i in asked]], 21)
    as_near = [
        np.mean([cosine >= least - ROUNDING for _, cosine in mine])
        for least, mine in zip(cosines[:, -1], similar, strict=True)
    ]
    clock.figures["share of neighbours as near as the true ones"] = float(np.mean(as_near))


def together(n: int, d: int, clock: Clock) -> None:
    project = Project.open(NAME)
    _ = project.pool
    with clock("near-duplicates and groups"):
        _ = project.splits.grouping
    project.close()


def copies(n: int, d: int, clock: Clock) -> None:
    """Compare thumbnails; each is one of 64, so that all have more candidates than real ones."""
    project = Project.open(NAME)
    with clock("copies by their pixels"):
        Copies(project).compare()
    project.close()


def umap(n: int, d: int, clock: Clock) -> None:
    project = Project.open(NAME)
    with clock("UMAP"):
        layout = project.make_map()
    clock.figures["neighbours kept on the map"] = neighbours_kept(
        project.vectors(layout.ids), layout.xy
    )
    project.close()


def neighbours_kept(matrix: np.ndarray, xy: np.ndarray, k: int = 15, images: int = 500) -> float:
    """Return the share of an image's nearest that are among its nearest on the map, too."""
    rows = np.random.default_rng(1).choice(len(matrix), min(images, len(matrix)), replace=False)
    _, near = build_index(matrix, kind="flat", device="cpu").search(matrix[rows], k + 1)
    shares = []
    for row, there in zip(rows.tolist(), near.tolist(), strict=True):
        squared = ((xy - xy[row]) ** 2).sum(axis=1)
        here = np.argpartition(squared, k + 1)[: k + 1].tolist()
        shares.append(len((set(here) & set(there)) - {row}) / k)
    return float(np.mean(shares))


def refit(n: int, d: int, clock: Clock) -> None:
    project = Project.open(NAME)
    embeddings = project.require_embeddings()
    classes, wanted = label_some(project, embeddings, n, d)
    project.store.set("audit_share", 0)
    with clock("session ready"):
        session = LiveSession.of(project)
        published(session, project.store.position())
    seconds = []
    for q, (row, cluster) in enumerate(wanted):
        began = time.perf_counter()
        label(project, classes[cluster % CLASSES], [embeddings.ids[row]], f"again {q}")
        session.notify()
        published(session, project.store.position())
        seconds.append(time.perf_counter() - began)
        while session.refining:
            time.sleep(0.1)
    clock.figures["refit"] = float(np.median(seconds))
    session.close()


def label_some(
    project: Project, embeddings: Embeddings, n: int, d: int
) -> tuple[list[int], list[tuple[int, int]]]:
    """Label some of the first images, if none are; return the classes, and rows for later."""
    _, which = next(iter(blocks(n, d)))
    store = project.store
    spare: list[tuple[int, int]] = []
    names = {each.name: each.id for each in store.classes()}
    fresh = not names
    for k in range(CLASSES):
        name = f"kind {k + 1}"
        class_id = names.get(name) or store.add_class(name, annotator="benchmark")
        names[name] = class_id
        mine = np.flatnonzero(which % CLASSES == k).tolist()
        if fresh:
            label(project, class_id, [embeddings.ids[row] for row in mine[:PER_CLASS]], f"q{k}")
        spare += [(row, int(which[row])) for row in mine[-2:]]
    return [names[f"kind {k + 1}"] for k in range(CLASSES)], spare[:KEYS]


def label(project: Project, class_id: int, ids: list[str], client: str) -> None:
    project.store.record(
        LabelAction(client=f"{client} {time.time_ns()}", q=1, annotator="benchmark", kind="class",
                    class_id=class_id, image_ids=ids, view="grid", strategy=None, shown=None,
                    spent_ms=None)
    )  # fmt: skip


def published(session: LiveSession, position: int) -> None:
    while session.snapshot.position < position:
        session.wait(session.snapshot.rev, 60)


def export(n: int, d: int, clock: Clock) -> None:
    from fewshot_lab.export import predictions_csv

    project = Project.open(NAME)
    with clock("classifier"):
        classifier = project.fit()
    with clock("predictions as CSV"):
        text = predictions_csv(project, classifier=classifier)
    assert text.count("\n") > n
    project.close()


STEPS: dict[str, Callable[[int, int, Clock], None]] = {
    "rows": rows,
    "embed": embed,
    "opened": opened,
    "pool": pool,
    "index": index,
    "together": together,
    "copies": copies,
    "umap": umap,
    "refit": refit,
    "export": export,
}
