"""A new pretraining run: images, start, recipe with reasons, cost, launch."""

import shutil
from dataclasses import replace
from typing import Any

import streamlit as st

from fewshot_lab.backbones import cards
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.pretrain import PRESETS, Advice, Likely, Recipe
from fewshot_lab.project import Project
from fewshot_lab.runs import (
    Place,
    Run,
    SlurmOptions,
    Where,
    columns_of,
    find_run,
    free_name,
    images_of,
    kind_of,
    launch_again,
    list_runs,
    prepare_run,
    recommend,
    slurm_settings,
    start_at,
    submitted_with,
    usual_side,
)
from fewshot_lab.ui.on_error import alert, note, sentences
from fewshot_lab.ui.run_view import plain
from fewshot_lab.ui.words import count, plural

SCRATCH = "Random weights"
FILE = "A checkpoint file, or another name"
USUAL = "efficientnet-lite0-imagenet"


def show(project: Project) -> None:
    """Draw the form; launch when asked."""
    cloned = _cloned()
    if cloned is not None:
        changes = st.session_state.get("fl-clone-changes") or {}
        was = cloned.recipe.to_dict()
        said = ", ".join(f"{k} {plain(v)} (was {plain(was[k])})" for k, v in changes.items())
        note(
            f"A clone of {cloned.name}: the same images"
            + (f", {said}." if said else "; change the recipe below.")
        )
        reasons = cloned.spec.get("reasons", {})
        reasons |= dict.fromkeys(changes, f"Advised after what became of {cloned.name}.")
        advice = Advice(cloned.recipe.changed(**changes), reasons)
        n, images, where = int(cloned.spec.get("images", 0)), None, None
        place = _place_of(cloned)
    else:
        images, where = _images(project)
        n = len(images[0])
        if not n:
            st.caption("No image is left: choose another project or filter.")
            return
        st.caption(f"{plural(n, 'image')}; labels are not used for training, only for the check.")
        proposed = _advice(n, kind_of(_chosen_projects(project), images[0]))
        if proposed is None:
            return
        advice, place = proposed
    chosen = _recipe(advice, key=f"{n}-{hash(str(advice.recipe))}")
    if chosen is None:
        return
    side = usual_side(images[0]) if images is not None else 0
    possible = _told(chosen, n, place, side)
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        name = st.text_input(
            "Name of the run",
            value=free_name(cloned.name if cloned else project.name),
            key="fl-run-name",
            width=280,
        )
        measure = st.button(
            "Measure the cost",
            key="fl-cost",
            disabled=not possible,
            help="Trains on noise for ten seconds: images per second, hours and memory.",
        )
        start = st.button("Start", type="primary", key="fl-start-run", disabled=not possible)
    _cost(chosen, place, measure)
    if start:
        if cloned is not None:
            changes = {k: v for k, v in chosen.to_dict().items() if v != getattr(cloned.recipe, k)}
            run = cloned.clone(name.strip(), **changes)
        else:
            run = prepare_run(
                _chosen_projects(project),
                replace(advice, recipe=chosen),
                name=name.strip(),
                device=place.device,
                nproc=place.processes,
                gpus=place.gpus,
                check_device=place.slurm is None,
                images=images,
                where=where,
            )
        if cloned is not None:
            launch_again(run)
        else:
            start_at(run, place)
        for key in ("fl-clone", "fl-clone-changes"):
            st.session_state.pop(key, None)
        st.session_state["fl-run"] = run.name
        st.rerun()


def _cloned() -> Run | None:
    name = st.session_state.get("fl-clone")
    try:
        return find_run(name) if name else None
    except FewshotLabError:
        return None


def _place_of(run: Run) -> Place:
    """Return where a run was trained: there its clone will be, too."""
    spec = run.spec
    return Place(
        device=str(spec.get("device", "cpu")),
        gpus=tuple(spec.get("gpus", ())),
        slurm=submitted_with(run) if spec.get("launcher") == "slurm" else None,
    )


def _chosen_projects(project: Project) -> list[Project]:
    names = st.session_state.get("fl-run-projects") or [project.name]
    return [project if name == project.name else Project.open(name) for name in names]


def _images(project: Project) -> tuple[Any, Where | None]:
    names = [info.name for info in Project.list() if info.images]
    if not names:
        return ([], {}), None
    left, middle, right = st.columns([2, 1, 2])
    left.multiselect(
        "Images of",
        names,
        default=[project.name] if project.name in names else names[:1],
        key="fl-run-projects",
    )
    projects = _chosen_projects(project)
    columns = columns_of(projects)
    where = None
    if columns:
        column = middle.selectbox("Only where", ["all images", *columns], key="fl-run-column")
        if column != "all images":
            values = right.multiselect(
                f"{column} is", columns[column], key=f"fl-run-values-{column}"
            )
            where = (column, set(values)) if values else None
    return images_of(projects, where=where), where


def _advice(n: int, likely: Likely) -> tuple[Advice, Place] | None:
    """Ask for start, kind of image and place; None while one of them is to be said."""
    left, middle, right = st.columns([2, 1, 1])
    starts = {card.name: card.title for card in cards() if not card.name.startswith("run:")}
    starts |= {f"run:{r.name}": f"Run {r.name}" for r in list_runs() if r.backbone}
    starts |= {"scratch": SCRATCH, "file": FILE}
    start = left.selectbox(
        "Start from",
        list(starts),
        index=list(starts).index(USUAL),
        format_func=lambda s: starts[s],
        key="fl-run-start",
    )
    kinds = list(PRESETS)
    modality = middle.selectbox(
        "Kind of image",
        kinds,
        index=kinds.index(likely.modality) if likely.modality else None,
        format_func=lambda m: PRESETS[m].title,
        placeholder="Choose",
        help="It decides which flips, turns and changes of colour leave an image what it is.",
        key=f"fl-run-modality-{likely.modality}",
    )
    backbone = USUAL
    if start == "scratch":
        backbone = st.text_input(
            "Architecture, as timm names it",
            value="vit_tiny_patch16_224",
            key="fl-run-architecture",
            width=420,
        ).strip()
    elif start == "file":
        start = st.text_input(
            "A file on this machine, or a model of timm",
            placeholder="/models/dino_vits16.pth, or timm:resnet50.a1_in1k",
            key="fl-run-file",
            width=420,
        ).strip()
    if modality is None:
        st.caption(f"{likely.why} Choose the kind: it decides which flips and colours are safe.")
    elif modality == likely.modality:
        st.caption(likely.why)
    place = _place(right)
    if modality is None or not start:
        return None
    if start == USUAL:
        start = "imagenet"
    elif start != "scratch":
        backbone = start
    with st.spinner("Choosing a recipe …"):
        advice = recommend(
            n, backbone=backbone, start=start, modality=modality, device=place.device
        )
    return advice, place


def _place(column: Any) -> Place:
    """Ask where to train."""
    import torch

    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    places = {"cpu": "This machine, CPU", "slurm": "A Slurm cluster"}
    if gpus:
        name = "GPU" if gpus == 1 else "GPUs"
        places = {"cuda": f"This machine, {name}", **places}
    chosen = column.selectbox(
        "Train on", list(places), format_func=lambda p: places[p], key="fl-run-place"
    )
    if chosen == "slurm":
        return _cluster()
    if chosen == "cpu" or gpus == 1:
        return Place(device=chosen)
    numbers = st.multiselect("GPUs", list(range(gpus)), default=[0], key="fl-run-gpus") or [0]
    if len(numbers) == 1:
        return Place(device=f"cuda:{numbers[0]}")
    return Place(device="cuda", gpus=tuple(numbers))


def _cluster() -> Place:
    """Ask what to ask a cluster for; the last answers are proposed."""
    kept = slurm_settings()
    here = shutil.which("sbatch") is not None
    first, second, third, fourth, fifth, sixth = st.columns(6)
    nodes = first.number_input("Nodes", 1, 1024, kept.nodes, key="fl-slurm-nodes")
    gpus = second.number_input("GPUs on each", 0, 64, kept.gpus, key="fl-slurm-gpus")
    cpus = third.number_input(
        "CPUs on each", 0, 1024, kept.cpus, key="fl-slurm-cpus", help="0 leaves it to the cluster."
    )
    partition = fourth.text_input("Partition", kept.partition, key="fl-slurm-partition")
    limit = fifth.text_input("Time limit", kept.time, placeholder="12:00:00", key="fl-slurm-time")
    account = sixth.text_input("Account", kept.account, key="fl-slurm-account")
    extra = st.text_area(
        "Further lines of job.sbatch",
        "\n".join(kept.extra),
        placeholder="#SBATCH --mem=64G\nmodule load cuda",
        height=68,
        key="fl-slurm-extra",
    )
    by_hand = st.checkbox(
        "Only write job.sbatch; I submit it by hand",
        value=not here,
        disabled=not here,
        key="fl-slurm-by-hand",
    )
    if not here:
        st.caption("There is no Slurm on this machine: submit the script on the cluster.")
    options = SlurmOptions(
        nodes=int(nodes),
        gpus=int(gpus),
        nproc=kept.nproc,
        partition=partition.strip(),
        time=limit.strip(),
        account=account.strip(),
        cpus=int(cpus),
        extra=tuple(line.strip() for line in extra.splitlines() if line.strip()),
    )
    return Place("cuda" if gpus else "cpu", slurm=options, by_hand=by_hand)


def _recipe(advice: Advice, key: str) -> Recipe | None:
    """Show the recipe with its reasons, to be changed in place; None while a change is wrong."""
    values = advice.recipe.to_dict()
    shown = [
        {"value": name, "is": str(value), "why": advice.reasons.get(name, "")}
        for name, value in values.items()
        if name not in ("backbone", "start", "modality")
    ]
    first = ("steps", "batch_size", "global_size", "learning_rate", "teacher_temperature")
    shown.sort(key=lambda row: (row["value"] not in first, not row["why"]))
    summary = st.empty()
    with st.expander("The recipe, and why", expanded=False):
        edited = st.data_editor(
            shown,
            column_config={
                "value": st.column_config.TextColumn(width="medium", disabled=True),
                "is": st.column_config.TextColumn(width="small"),
                "why": st.column_config.TextColumn(width="large", disabled=True),
            },
            hide_index=True,
            width="stretch",
            key=f"fl-recipe-{key}",
        )
    changed = {row["value"]: row["is"] for row in edited if row["is"] != str(values[row["value"]])}
    try:
        recipe = advice.recipe.changed(**changed)
    except FewshotLabError as error:
        alert(str(error))
        return None
    summary.html(f'<div class="fl-muted">{_in_short(recipe)}</div>')
    if changed:
        st.caption("Changed: " + ", ".join(f"{k} = {v}" for k, v in changed.items()))
    return recipe


def _in_short(r: Recipe) -> str:
    return (
        f"{count(r.steps)} steps of {r.batch_size} images, two crops of {r.global_size} px and "
        f"{r.local_crops} of {r.local_size} px, learning rate {r.learning_rate:g}, "
        f"{count(r.prototypes)} prototypes."
    )


def _told(recipe: Recipe, n: int, place: Place, side: int) -> bool:
    """Say what one should know before the start; return whether it can start at all."""
    from fewshot_lab.pretrain import check_recipe

    device = place.device if place.slurm is None else "cpu"
    try:
        known = check_recipe(recipe, n, device=device, nproc=place.processes, usual_side=side)
    except FewshotLabError as error:
        alert(str(error))
        return False
    for sentence in known:
        st.caption(sentence)
    return True


def _cost(recipe: Recipe, place: Place, asked: bool) -> None:
    """Say what this recipe will cost, once that has been measured."""
    from fewshot_lab.pretrain import estimate_cost

    of = (recipe, place.device)
    if asked and place.slurm is not None and place.device != "cpu":
        st.caption("The cluster's GPUs cannot be measured from here.")
    elif asked:
        with st.spinner("Training on noise for ten seconds …"), sentences():
            said = estimate_cost(recipe, device=place.device).sentence
            st.session_state["fl-cost-said"] = (of, said)
    kept = st.session_state.get("fl-cost-said")
    if kept is not None and kept[0] == of:
        note(kept[1])
