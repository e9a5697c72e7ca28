"""The recipe of a run to be started: with its reasons, changed in place, judged and measured."""

import streamlit as st

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.pretrain import Recipe, RecommendedRecipe
from fewshot_lab.runs import ComputeTarget
from fewshot_lab.ui.on_error import alert, note, sentences
from fewshot_lab.ui.typed_paths import confine_backbone
from fewshot_lab.words import count, duration, plural

_COST = "fl-cost-known"
_LONG_HOURS, _SHORT_HOURS = 3.0, 2.0
_RATES = (2000, 59)
"""Images a second of one H100, as measured (docs/pretraining.md)."""


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


def cost_is_shown(recipe: Recipe, target: ComputeTarget) -> bool:
    """Say whether what this recipe costs there has been told."""
    kept = st.session_state.get(_COST)
    return kept is not None and kept[0] == (recipe, target)


def measure_cost(recipe: Recipe, target: ComputeTarget, labelled: int) -> None:
    """Measure what this recipe will cost, or say why that cannot be done from here."""
    from fewshot_lab.pretrain import estimate_cost

    if target.slurm is not None and target.device != "cpu":
        st.session_state[_COST] = ((recipe, target), None)
        return
    with st.spinner("Training on noise for ten seconds …"), sentences():
        cost = estimate_cost(
            recipe, device=target.device, processes=target.processes, labelled=labelled
        )
        st.session_state[_COST] = ((recipe, target), cost)


def show_cost(recipe: Recipe, target: ComputeTarget, n_images: int) -> float | None:
    """Show the cost, once it is known, and what else it could be.

    Returns
    -------
    float or None
        The passes over the images of a smaller recipe, if it was asked for.
    """
    if not cost_is_shown(recipe, target):
        st.caption("A run starts once its cost is known: measure it first.")
        return None
    cost = st.session_state[_COST][1]
    if cost is None:
        note(_cluster_sentence(recipe))
        return None
    note(cost.sentence)
    smaller = smaller_epochs(recipe.epochs(n_images), cost.hours)
    words = []
    if cost.gpu_hours and cost.hours > 1:
        words.append(
            f"One GPU: perhaps {duration(3600 * cost.gpu_hours)} (an H100, by what a small "
            "network took there)."
        )
    if smaller is not None:
        hours = cost.hours * smaller / recipe.epochs(n_images)
        words.append(
            f"A smaller recipe, {plural(round(smaller), 'pass', 'passes')} over the images instead "
            f"of {recipe.epochs(n_images):.0f}: {duration(3600 * hours)}, expected gain unknown."
        )
    if words:
        st.caption(" ".join(words))
    if smaller is not None and st.button("Take the smaller recipe", key="fl-smaller"):
        return smaller
    return None


def smaller_epochs(epochs: float, hours: float) -> float | None:
    """Return how many passes fit into two hours, two at least; None where nothing is gained."""
    if hours <= _LONG_HOURS:
        return None
    smaller = max(2.0, round(epochs * _SHORT_HOURS / hours))
    return smaller if smaller < 0.8 * epochs else None


def _cluster_sentence(recipe: Recipe) -> str:
    images = recipe.steps * recipe.batch_size
    fast, slow = (duration(images / rate) for rate in _RATES)
    return (
        f"The cluster's GPUs cannot be measured from here. {count(images)} images in all: {fast} "
        f"on one H100 with a small network ({_RATES[0]:,} images a second), {slow} with "
        f"XCiT-S12/p8 at 256 px ({_RATES[1]})."
    )
