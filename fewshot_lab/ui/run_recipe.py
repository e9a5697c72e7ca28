"""The recipe of a run to be started: with its reasons, changed in place, judged and measured."""

import streamlit as st

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.pretrain import CostEstimate, Recipe, RecommendedRecipe
from fewshot_lab.runs import ComputeTarget
from fewshot_lab.ui.choices import select
from fewshot_lab.ui.on_error import alert, note, sentences
from fewshot_lab.ui.typed_paths import confine_backbone
from fewshot_lab.words import count, duration

_GUESSED = "fl-cost-guessed"
_LEARNS = {
    "none": "All of the network",
    "lora": "A small addition (LoRA)",
    "apla": "One layer of each block (APLA)",
}
_RATES = (2000, 59)
"""Images a second of one H100, as measured (docs/pretraining.md)."""


def ask_what_learns(backbone: str, start: str) -> str:
    """Ask whether all of a transformer is to learn; of other networks, and new ones, all does."""
    from fewshot_lab.pretrain import architecture_of, model_info

    if start == "scratch" or not model_info(architecture_of(backbone, start)).adaptable:
        return "none"
    return select(
        "What learns",
        _LEARNS,
        help="For networks that are too large for this machine: most weights stay frozen and few "
        "are trained, in about half the memory. LoRA adds two thin matrices to the layers "
        "around each attention; APLA trains the one layer after each attention. The result "
        "is a complete backbone.",
        key="fl-run-adapt",
        width=420,
    )


def edit_recipe(recommended: RecommendedRecipe, key: str) -> Recipe | None:
    """Show the recipe with its reasons, to be changed in place; None while a change is wrong."""
    values = recommended.recipe.to_dict()
    shown = [
        {"value": name, "is": str(value), "why": recommended.reasons.get(name, "")}
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
        for name in ("backbone", "start"):
            confine_backbone(changed.get(name, ""))
        recipe = recommended.recipe.changed(**changed)
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


def warn(recipe: Recipe, n: int, target: ComputeTarget, side: int) -> bool:
    """Say what one should know before the start; return whether it can start at all."""
    from fewshot_lab.pretrain import check_recipe

    device = target.device if target.slurm is None else "cpu"
    try:
        warnings = check_recipe(recipe, n, device=device, nproc=target.processes, median_side=side)
    except FewshotLabError as error:
        alert(str(error))
        return False
    for sentence in warnings:
        st.caption(sentence)
    return True


def known_cost(recipe: Recipe, target: ComputeTarget, labelled: int) -> CostEstimate | None:
    """Return what this recipe costs there, where that was measured within the last hour."""
    from fewshot_lab import pretrain

    if not _can_measure(target):
        return None
    return pretrain.known_cost(
        recipe, device=target.device, processes=target.processes, labelled=labelled
    )


def cost_is_shown(recipe: Recipe, target: ComputeTarget, cost: CostEstimate | None) -> bool:
    """Say whether what this recipe costs there has been told, or can only be guessed."""
    return cost is not None or st.session_state.get(_GUESSED) == (recipe, target)


def measure_cost(recipe: Recipe, target: ComputeTarget, labelled: int, *, again: bool) -> bool:
    """Measure what this recipe will cost, or note that it cannot be done from here.

    Returns
    -------
    bool
        Whether there is something to show now; why not is said.
    """
    from fewshot_lab.pretrain import estimate_cost

    if not _can_measure(target):
        st.session_state[_GUESSED] = (recipe, target)
        return True
    with st.spinner("Training on noise for some seconds …"), sentences():
        estimate_cost(
            recipe,
            device=target.device,
            processes=target.processes,
            labelled=labelled,
            again=again,
        )
        return True
    return False


def _can_measure(target: ComputeTarget) -> bool:
    return target.slurm is None or target.device == "cpu"


def show_cost(
    recipe: Recipe, target: ComputeTarget, cost: CostEstimate | None, n_images: int
) -> float | None:
    """Show the cost, once it is known, and what else it could be.

    Returns
    -------
    float or None
        The passes over the images of a smaller recipe, if it was asked for.
    """
    from fewshot_lab.pretrain import shorter_sentence, shorter_steps

    if not cost_is_shown(recipe, target, cost):
        st.caption("A run starts once its cost is known: measure it first.")
        return None
    if cost is None:
        note(_cluster_sentence(recipe))
        return None
    note(cost.sentence)
    words = [shorter_sentence(recipe, cost, n_images)]
    if cost.gpu_hours and cost.hours > 1:
        words.insert(
            0,
            f"One GPU: perhaps {duration(3600 * cost.gpu_hours)} (an H100, by what a small "
            "network took there).",
        )
    if any(words):
        st.caption(" ".join(filter(None, words)))
    steps = shorter_steps(recipe, cost)
    if steps and st.button("Take the smaller recipe", key="fl-smaller"):
        return recipe.changed(steps=steps).epochs(n_images)
    return None


def _cluster_sentence(recipe: Recipe) -> str:
    images = recipe.steps * recipe.batch_size
    fast, slow = (duration(images / rate) for rate in _RATES)
    return (
        f"The cluster's GPUs cannot be measured from here. {count(images)} images in all: {fast} "
        f"on one H100 with a small network ({_RATES[0]:,} images a second), {slow} with "
        f"XCiT-S12/p8 at 256 px ({_RATES[1]})."
    )
