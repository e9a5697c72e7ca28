"""Our DINO against that of the package lightly: images per second, and kNN after equal steps.

    pip install lightly
    python benchmarks/pretrain.py [--steps 40] [--batch-size 32] [--images 1000] [--seeds 1]

Same backbone (the embedded EfficientNet-Lite0 with ImageNet weights), same images, crops, batch,
head, optimiser, schedules and seed; lightly's DINOTransform, DINOLoss, DINOProjectionHead and
update_momentum as in its own example; each training in a process of its own. Ours decodes the
images once (told apart); lightly's reads the files in every step, as its example does. kNN:
balanced accuracy on the images' labels, by cross-validation, of each teacher; with several seeds
(of weights, order and views) their mean, and the mean difference with its 95 % interval over seeds.

Speed twice: by the clock, with as many loading processes on either side as --workers says; and per
second of a processor, which other work on the machine hardly changes (it needs --workers 0, where
all is done in one process; set OMP_NUM_THREADS=1 for it, else waiting threads count, too).

The third row is what the recipe for this many images (first stages at rest) makes of it, which is
no longer the same work; the last line says where our time goes.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
from _embeddings import DATA
from scipy import stats

from fewshot_lab.allocator import freed_memory_kept
from fewshot_lab.pretrain import Recipe, RunImage, process_group, read_metrics, train
from fewshot_lab.pretrain import schedules as schedules
from fewshot_lab.pretrain.image_cache import decode_images
from fewshot_lab.pretrain.label_check import LabelCheck
from fewshot_lab.pretrain.multi_crop_network import starting_backbone

WARM = 3
"""First steps, which are not timed."""


def images(folder: Path, n: int) -> list[RunImage]:
    """Return n images of a folder of classes, drawn at random."""
    classes = sorted(path for path in folder.iterdir() if path.is_dir())
    files = [(file, k) for k, c in enumerate(classes) for file in sorted(c.iterdir())]
    chosen = np.random.default_rng(0).permutation(len(files))[:n]
    return [RunImage(str(i), files[i][0], label=files[i][1]) for i in chosen]


def recipe_of(options: argparse.Namespace) -> Recipe:
    """Return what both train by."""
    return Recipe(
        steps=options.steps,
        batch_size=options.batch_size,
        global_size=112,
        local_size=56,
        local_crops=4,
        cache_size=160,
        learning_rate=3e-4,
        head_learning_rate=1e-3,
        warmup_steps=5,
        ema_start=0.99,
        teacher_temperature=0.04,
        teacher_temperature_start=0.04,
        quarter_turns=False,
        log_steps=1,
        check_steps=options.steps,
        checkpoint_steps=options.steps,
        keep=1,
        workers=options.workers,
    )


def ours(recipe: Recipe, rows: list[RunImage], home: Path, name: str) -> dict:
    """Train by this package; return images per second, kNN and how the time splits."""
    folder = home / name
    folder.mkdir()
    began = time.perf_counter()
    decode_images(rows, recipe.decoded_size, home / ".cache")
    decoding = time.perf_counter() - began
    processor: dict[int, float] = {}

    def progress(stage: str, done: int, total: int | None) -> None:
        if stage == "pretraining":
            processor[done] = time.process_time()

    with process_group() as mine, freed_memory_kept():  # as a run does
        train(folder, recipe, rows, mine, progress=progress)
    metrics = read_metrics(folder)
    last = recipe.steps
    per_step = (processor[last] - processor[WARM]) / (last - WARM)
    steps = [row["seconds"] for row in metrics if row["kind"] == "step"][WARM:]
    split = {key: float(np.mean([s[key] for s in steps])) for key in steps[0]}
    checks = [row for row in metrics if row["kind"] == "check"]
    return {
        "rate": recipe.batch_size / sum(split.values()),
        "processor": recipe.batch_size / per_step,
        "knn": checks[-1]["knn"],
        "start": checks[0]["knn"],
        "split": split,
        "decoding": decoding,
    }


def by_lightly(recipe: Recipe, rows: list[RunImage], home: Path, workers: int) -> dict:
    """Train by lightly's parts, put together as in its example."""
    import copy

    from lightly.loss import DINOLoss
    from lightly.models.modules import DINOProjectionHead
    from lightly.models.utils import deactivate_requires_grad, update_momentum
    from lightly.transforms.dino_transform import DINOTransform
    from PIL import Image

    start = starting_backbone(recipe)
    transform = DINOTransform(
        global_crop_size=recipe.global_size,
        global_crop_scale=(recipe.global_scale_low, recipe.global_scale_high),
        local_crop_size=recipe.local_size,
        local_crop_scale=(recipe.local_scale_low, recipe.local_scale_high),
        n_local_views=recipe.local_crops,
        vf_prob=0.5,
        cj_prob=recipe.colour_probability,
        cj_strength=1.0,
        cj_bright=recipe.brightness,
        cj_contrast=recipe.contrast,
        cj_sat=recipe.saturation,
        cj_hue=recipe.hue,
        random_gray_scale=0.0,
        gaussian_blur=(recipe.blur_probability,) * 3,
        solarization_prob=0.0,
        normalize={
            "mean": list(start.preprocessing.mean),
            "std": list(start.preprocessing.std),
        },
    )

    class Files(torch.utils.data.Dataset):
        def __len__(self) -> int:
            return len(rows)

        def __getitem__(self, row: int) -> list[torch.Tensor]:
            with Image.open(rows[row].file) as image:
                return transform(image.convert("RGB"))

    def head() -> torch.nn.Module:
        return DINOProjectionHead(
            start.network.num_features,
            recipe.head_hidden,
            recipe.head_bottleneck,
            recipe.prototypes,
        )

    torch.manual_seed(recipe.seed)
    backbone, student_head = start.network, head()
    teacher, teacher_head = copy.deepcopy(backbone), head()
    for module in (teacher, teacher_head):
        deactivate_requires_grad(module)
    loss_of = DINOLoss(
        output_dim=recipe.prototypes,
        warmup_teacher_temp=recipe.teacher_temperature,
        teacher_temp=recipe.teacher_temperature,
        student_temp=recipe.student_temperature,
    )
    optimiser = torch.optim.AdamW(
        [
            {"params": backbone.parameters(), "part": "backbone"},
            {"params": student_head.parameters(), "part": "head"},
        ],
        lr=0.0,
        weight_decay=recipe.weight_decay,
    )
    loader = torch.utils.data.DataLoader(
        Files(), recipe.batch_size, shuffle=True, drop_last=True, num_workers=workers
    )
    batches = iter(loader)
    seconds, processor = [], []
    for step in range(recipe.steps):
        began, used = time.perf_counter(), time.process_time()
        try:
            views = next(batches)
        except StopIteration:
            batches = iter(loader)
            views = next(batches)
        keep = schedules.momentum(recipe, step)
        update_momentum(backbone, teacher, m=keep)
        update_momentum(student_head, teacher_head, m=keep)
        for group in optimiser.param_groups:
            rate = schedules.learning_rate if group["part"] == "backbone" else None
            rate = rate or schedules.head_learning_rate
            group["lr"] = rate(recipe, step)
        targets = [teacher_head(teacher(view)) for view in views[:2]]
        outputs = [student_head(backbone(view)) for view in views]
        loss = loss_of(targets, outputs, epoch=0)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(backbone.parameters(), recipe.clip)
        optimiser.step()
        optimiser.zero_grad()
        seconds.append(time.perf_counter() - began)
        processor.append(time.process_time() - used)
    data = decode_images(rows, recipe.decoded_size, home / ".cache")
    check = LabelCheck(data, recipe)
    mean = torch.tensor(start.preprocessing.mean).view(1, 3, 1, 1)
    std = torch.tensor(start.preprocessing.std).view(1, 3, 1, 1)

    @torch.no_grad()
    def embed(pixels: torch.Tensor) -> torch.Tensor:
        teacher.eval()
        return torch.cat([teacher((p.float() / 255 - mean) / std) for p in pixels.split(64)])

    return {
        "rate": recipe.batch_size / np.mean(seconds[WARM:]),
        "processor": recipe.batch_size / np.mean(processor[WARM:]),
        "knn": check(embed)["knn"],
    }


def apart(train_one: Callable[..., dict], *arguments: object) -> dict:
    """Train in a process of its own: how one keeps its memory is not to help the other."""
    with ProcessPoolExecutor(1) as process:
        return process.submit(train_one, *arguments).result()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA / "pbc8", help="a folder of classes")
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--workers", type=int, default=2, help="loading processes")
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    rows, recipe = images(options.data, options.images), recipe_of(options)
    threads = torch.get_num_threads()
    print(
        f"{len(rows)} images, {recipe.steps} steps of {recipe.batch_size}, {threads} threads, "
        f"{options.workers} loading processes, {options.seeds} seeds; "
        f"load of the machine {os.getloadavg()[0]:.1f}"
    )
    own, other = [], []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for seed in range(options.seeds):
            seeded = recipe.changed(seed=seed)
            own.append(apart(ours, seeded, rows, home, f"ours-{seed}"))
            other.append(apart(by_lightly, seeded, rows, home, options.workers))
            for result, whose in ((own[-1], "ours"), (other[-1], "lightly")):
                print(
                    f"seed {seed}, {whose}: {result['rate']:.1f} images/s, "
                    f"{result['processor']:.1f} per CPU second, kNN {result['knn']['value']:.3f}",
                    flush=True,
                )
        resting = [apart(ours, recipe.changed(frozen_stages=4), rows, home, "resting")]

    def mean(results: list[dict], name: str) -> float:
        return float(np.mean([each[name] for each in results]))

    def line(name: str, results: list[dict]) -> str:
        rate, processor = mean(results, "rate"), mean(results, "processor")
        knn = results[0]["knn"]
        value = np.mean([each["knn"]["value"] for each in results])
        between = f" ({knn['low']:.3f}-{knn['high']:.3f})" if len(results) == 1 else ""
        return (
            f"{name:<34} {rate:>8.1f} {rate / mean(other, 'rate'):>7.2f}x "
            f"{processor:>10.1f} {processor / mean(other, 'processor'):>7.2f}x "
            f"{value:>8.3f}{between}"
        )

    head = f"{'images/s':>8} {'ratio':>8} {'/CPU s':>10} {'ratio':>8} {'kNN':>8}"
    print(f"\n{'':<34} {head}")
    print(line("lightly", other))
    print(line("ours, the same work", own))
    print(line("ours, first 4 stages at rest", resting))
    print(f"{'frozen start':<34} {'':>36} {own[0]['start']['value']:>9.3f}")
    if options.seeds > 1:
        gaps = [a["knn"]["value"] - b["knn"]["value"] for a, b in zip(own, other, strict=True)]
        half = stats.t.ppf(0.975, len(gaps) - 1) * np.std(gaps, ddof=1) / len(gaps) ** 0.5
        middle = float(np.mean(gaps))
        print(
            f"\nkNN, ours less lightly's: {100 * middle:+.1f} points "
            f"({100 * (middle - half):+.1f} to {100 * (middle + half):+.1f}, {len(gaps)} seeds)"
        )
    split = {key: np.mean([each["split"][key] for each in own]) for key in own[0]["split"]}
    total = sum(split.values())
    shares = ", ".join(f"{k} {100 * v / total:.0f} %" for k, v in split.items())
    print(f"ours: {shares}; the images decoded once in {own[0]['decoding']:.1f} s")


if __name__ == "__main__":
    main()
