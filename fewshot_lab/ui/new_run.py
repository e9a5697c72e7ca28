"""A new pretraining run: images, start, recipe with reasons, cost, launch."""

from dataclasses import dataclass, replace

import streamlit as st

from fewshot_lab.backbones import cards
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.pretrain import (
    PRESETS,
    ModalityProposal,
    RecommendedRecipe,
    RunImage,
    passes,
)
from fewshot_lab.project import Project
from fewshot_lab.runs import (
    ComputeTarget,
    ImageFilter,
    Run,
    filter_columns,
    find_run,
    free_name,
    median_side,
    modality_of,
    prepare_run,
    recommend_recipe,
    relaunch_run,
    run_images,
    slurm_options_of,
    start_run,
)
from fewshot_lab.ui import visitor
from fewshot_lab.ui.choices import select
from fewshot_lab.ui.on_error import note
from fewshot_lab.ui.run_recipe import (
    ask_what_learns,
    cost_is_shown,
    edit_recipe,
    known_cost,
    measure_cost,
    show_cost,
    warn,
)
from fewshot_lab.ui.run_target import ask_target
from fewshot_lab.ui.run_words import recipe_value
from fewshot_lab.ui.typed_paths import confine_backbone
from fewshot_lab.words import plural

SCRATCH = "Random weights"
FILE = "A checkpoint file, or another name"
USUAL = "efficientnet-lite0-imagenet"


def show(project: Project) -> None:
    """Draw the form; launch when asked."""
    original = _original()
    proposed = _proposed(project) if original is None else _proposed_clone(original)
    if proposed is None:
        return
    recommended, target, images = proposed.recommended, proposed.target, proposed.images
    recipe = edit_recipe(recommended, key=f"{proposed.n_images}-{hash(str(recommended.recipe))}")
    if recipe is None:
        return
    side = 0 if images is None else median_side(images[0])
    possible = warn(recipe, proposed.n_images, target, side)
    labelled = 0 if images is None else sum(i.label is not None for i in images[0])
    cost = known_cost(recipe, target, labelled) if possible else None
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        name = st.text_input(
            "Name of the run",
            value=free_name(original.name if original else project.name),
            key="fl-run-name",
            width=280,
        ).strip()
        measured = possible and cost_is_shown(recipe, target, cost)
        measure = st.button(
            "Measure the cost again" if measured else "Measure the cost",
            key="fl-cost",
            type="secondary" if measured else "primary",
            disabled=not possible,
            help="Trains on noise for some seconds: images per second, hours and memory.",
        )
        start = st.button(
            "Start",
            type="primary" if measured else "secondary",
            key="fl-start-run",
            disabled=not measured,
            help=None if measured else "Measure the cost first.",
        )
    if measure and measure_cost(recipe, target, labelled, again=measured):
        st.rerun()
    smaller = show_cost(recipe, target, cost, proposed.n_images) if possible else None
    if smaller is not None and original is None:
        st.session_state["fl-run-epochs"] = smaller
        st.rerun()
    if not start:
        return
    if original is not None:
        values = original.recipe.to_dict()
        run = original.clone(name, **{k: v for k, v in recipe.to_dict().items() if v != values[k]})
        relaunch_run(run)
    else:
        run = prepare_run(
            _chosen_projects(project),
            replace(recommended, recipe=recipe),
            name=name,
            device=target.device,
            nproc=target.processes,
            gpus=target.gpus,
            check_device=target.slurm is None,
            images=images,
            where=proposed.where,
        )
        start_run(run, target)
    for key in ("fl-clone", "fl-clone-changes", "fl-run-epochs"):
        st.session_state.pop(key, None)
    st.session_state["fl-run"] = run.name
    st.rerun()


@dataclass(frozen=True)
class _Proposal:
    """What the form proposes; a clone has the images of its original, so they are not given."""

    recommended: RecommendedRecipe
    target: ComputeTarget
    n_images: int
    images: tuple[list[RunImage], dict[int, str]] | None = None
    where: ImageFilter | None = None


def _proposed(project: Project) -> _Proposal | None:
    """Ask for images, start and place; None while one of them is missing."""
    images, where = _images(project)
    n = len(images[0])
    if not n:
        st.caption("No image is left: choose another project or filter.")
        return None
    st.caption(f"{plural(n, 'image')}; labels are not used for training, only for the check.")
    modality = modality_of(_chosen_projects(project), images[0])
    recommended = _recommended(n, modality)
    return recommended and _Proposal(*recommended, n, images, where)


def _proposed_clone(original: Run) -> _Proposal:
    """Return the recipe of a run with the changes that its health check advised, if any."""
    changes = st.session_state.get("fl-clone-changes") or {}
    values = original.recipe.to_dict()
    words = ", ".join(
        f"{k} {recipe_value(v)} (was {recipe_value(values[k])})" for k, v in changes.items()
    )
    rest = f", {words}." if words else "; change the recipe below."
    note(f"A clone of {original.name}: the same images{rest}")
    spec = original.spec
    reasons = spec.get("reasons", {})
    reasons |= dict.fromkeys(changes, f"Suggested by the result of {original.name}.")
    target = ComputeTarget(
        device=str(spec.get("device", "cpu")),
        gpus=tuple(spec.get("gpus", ())),
        slurm=slurm_options_of(original) if spec.get("launcher") == "slurm" else None,
    )
    recommended = RecommendedRecipe(original.recipe.changed(**changes), reasons)
    return _Proposal(recommended, target, int(spec.get("images", 0)))


def _original() -> Run | None:
    """Return the run that is to be cloned, if one is."""
    name = st.session_state.get("fl-clone")
    try:
        return find_run(name) if name else None
    except FewshotLabError:
        return None


def _chosen_projects(project: Project) -> list[Project]:
    names = st.session_state.get("fl-run-projects") or [project.name]
    for name in names:
        visitor.require("pretrain", name)
    return [project if name == project.name else Project.open(name) for name in names]


def _images(project: Project) -> tuple[tuple[list[RunImage], dict[int, str]], ImageFilter | None]:
    names = [
        info.name for info in Project.list() if info.images and visitor.may("pretrain", info.name)
    ]
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
    columns = filter_columns(projects)
    where = None
    if columns:
        column = middle.selectbox("Only where", ["all images", *columns], key="fl-run-column")
        if column != "all images":
            values = right.multiselect(
                f"{column} is", columns[column], key=f"fl-run-values-{column}"
            )
            where = (column, set(values)) if values else None
    return run_images(projects, where=where), where


def _recommended(
    n: int, proposal: ModalityProposal
) -> tuple[RecommendedRecipe, ComputeTarget] | None:
    """Ask for start, kind of image and place; None while one of them is missing."""
    left, middle, right = st.columns([2, 1, 1])
    starts = {card.name: card.title for card in cards() if not card.name.startswith("run:")}
    starts |= {f"run:{r.name}": f"Run {r.name}" for r in visitor.visible_runs() if r.backbone}
    starts |= {"scratch": SCRATCH} | ({"file": FILE} if visitor.may("browse") else {})
    with left:
        start = select("Start from", starts, USUAL, key="fl-run-start")
    kinds = list(PRESETS)
    modality = middle.selectbox(
        "Kind of image",
        kinds,
        index=kinds.index(proposal.modality) if proposal.modality else None,
        format_func=lambda m: PRESETS[m].title,
        placeholder="Choose",
        help="It decides which flips, turns and changes of colour leave an image what it is.",
        key=f"fl-run-modality-{proposal.modality}",
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
        st.caption(f"{proposal.why} Choose the kind: it decides which flips and colours are safe.")
    elif modality == proposal.modality:
        st.caption(proposal.why)
    target = ask_target(right)
    if modality is None or not start:
        return None
    if start == USUAL:
        start = "imagenet"
    elif start != "scratch":
        backbone = start
    confine_backbone(backbone)
    adapt = ask_what_learns(backbone, start)
    with st.spinner("Choosing a recipe …"):
        recommended = recommend_recipe(
            n,
            backbone=backbone,
            start=start,
            modality=modality,
            device=target.device,
            epochs=_epochs(),
            processes=target.processes,
            values={} if adapt == "none" else {"adapt": adapt},
        )
    return recommended, target


def _epochs() -> float | None:
    """Return the passes of the smaller recipe, where it was taken, with the way back."""
    epochs: float | None = st.session_state.get("fl-run-epochs")
    if epochs is None:
        return None
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.caption(f"The smaller recipe: {passes(epochs)} over the images.")
        if st.button("Back to the whole recipe", type="tertiary", key="fl-whole"):
            del st.session_state["fl-run-epochs"]
            st.rerun()
    return epochs
