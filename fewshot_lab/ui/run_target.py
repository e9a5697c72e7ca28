"""Where a new pretraining run is to be trained: this machine, its GPUs, or a cluster."""

import shutil
from typing import Any

import streamlit as st

from fewshot_lab.runs import ComputeTarget, SlurmOptions, read_slurm_settings
from fewshot_lab.ui import visitor
from fewshot_lab.ui.choices import select


def ask_target(column: Any) -> ComputeTarget:
    """Ask where to train."""
    import torch

    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    names = {"cpu": "This machine, CPU", "slurm": "A Slurm cluster"}
    if gpus:
        names = {"cuda": f"This machine, GPU{'s' if gpus > 1 else ''}", **names}
    with column:
        chosen = select("Train on", names, key="fl-run-place")
    if chosen == "slurm":
        return _cluster()
    if chosen == "cpu" or gpus == 1:
        return ComputeTarget(device=chosen)
    numbers = st.multiselect("GPUs", list(range(gpus)), default=[0], key="fl-run-gpus") or [0]
    if len(numbers) == 1:
        return ComputeTarget(device=f"cuda:{numbers[0]}")
    return ComputeTarget(device="cuda", gpus=tuple(numbers))


def _cluster() -> ComputeTarget:
    """Ask what to ask a cluster for; the last answers are proposed."""
    stored = read_slurm_settings()
    here = shutil.which("sbatch") is not None
    first, second, third, fourth, fifth, sixth = st.columns(6)
    nodes = first.number_input("Nodes", 1, 1024, stored.nodes, key="fl-slurm-nodes")
    gpus = second.number_input("GPUs on each", 0, 64, stored.gpus, key="fl-slurm-gpus")
    share = "0: this run's share of a node."
    cpus = third.number_input("CPUs on each", 0, 1024, stored.cpus, key="fl-slurm-cpus", help=share)
    partition = fourth.text_input("Partition", stored.partition, key="fl-slurm-partition")
    limit = fifth.text_input("Time limit", stored.time, placeholder="12:00:00", key="fl-slurm-time")
    account = sixth.text_input("Account", stored.account, key="fl-slurm-account")
    extra = "\n".join(stored.extra)
    if visitor.may("slurm"):
        extra = st.text_area(
            "Further lines of job.sbatch",
            "\n".join(stored.extra),
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
        nproc=stored.nproc,
        partition=partition.strip(),
        time=limit.strip(),
        account=account.strip(),
        cpus=int(cpus),
        extra=tuple(line.strip() for line in extra.splitlines() if line.strip()),
    )
    return ComputeTarget("cuda" if gpus else "cpu", slurm=options, by_hand=by_hand)
