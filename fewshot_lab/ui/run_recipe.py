"""The recipe of a run to be started: with its reasons, changed in place, judged and measured."""

import streamlit as st

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.pretrain import Recipe, RecommendedRecipe
from fewshot_lab.runs import ComputeTarget
from fewshot_lab.ui.on_error import alert, note, sentences
from fewshot_lab.ui.typed_paths import confine_backbone
from fewshot_lab.words import count


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


def show_cost(recipe: Recipe, target: ComputeTarget, asked: bool) -> None:
    """Say what this recipe will cost, once that has been measured."""
    from fewshot_lab.pretrain import estimate_cost

    of = (recipe, target.device)
    if asked and target.slurm is not None and target.device != "cpu":
        st.caption("The cluster's GPUs cannot be measured from here.")
    elif asked:
        with st.spinner("Training on noise for ten seconds …"), sentences():
            sentence = estimate_cost(recipe, device=target.device).sentence
            st.session_state["fl-cost-sentence"] = (of, sentence)
    kept = st.session_state.get("fl-cost-sentence")
    if kept is not None and kept[0] == of:
        note(kept[1])
