"""The one list of backbones, and finding one by its name or file."""

import re
from collections.abc import Sequence
from pathlib import Path

from fewshot_lab.backbones import catalogue, embedded, nielsen, published, timm_models, twin
from fewshot_lab.backbones.backbone import Backbone
from fewshot_lab.backbones.card import Card
from fewshot_lab.backbones.checkpoints import SUFFIXES
from fewshot_lab.backbones.staged_backbone import SUFFIX, StagedBackbone, split_name
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.files import expanded, while_unchanged
from fewshot_lab.home import RUNS, home
from fewshot_lab.words import did_you_mean

EMBEDDED = (twin.NAME, f"{twin.DINO}{SUFFIX}", f"{embedded.NAME}{SUFFIX}")
"""Backbones that need no network and are cheap on a CPU, as they are compared on labels."""

RUN = "run:"
"""Before the name of a pretraining run."""

_SHIPPED = Path(__file__).parent / "weights"
"""Checkpoints that ship with the package, as safetensors with all of a card in their header."""


def default_name() -> str:
    """Return the name of the backbone that needs no network and is used unless another is asked."""
    return twin.NAME


def cards() -> list[Card]:
    """Return the cards of all backbones known by name, the default first."""
    backbones: list[Backbone] = [
        twin.TwinBackbone(),
        *(_file(path, name=name) for name, path in _shipped().items()),
        embedded.EmbeddedEfficientNet(),
        *(timm_models.TimmBackbone(card) for card in catalogue.TIMM),
        *(published.PublishedBackbone(name) for name in published.ROWS),
        *(nielsen.NielsenBackbone(name) for name in nielsen.NAMES),
        *(_file(path, name=name) for name, path in _runs().items()),
    ]
    return [backbone.card for backbone in backbones]


def find(name_or_file: str | Path) -> Backbone:
    """Return a backbone.

    Parameters
    ----------
    name_or_file
        A name of :func:`cards`; ``timm:`` and any name of timm that has weights; ``run:`` and the
        name of a pretraining run; or a checkpoint file, followed by ``::`` and timm's architecture
        if the file does not show it. ``+stages`` after any of them also reads the network's inner
        stages, ``+stages=1,3`` those with these numbers in timm.

    Raises
    ------
    FewshotLabError
        It is unknown (the closest names are given) or the file is not a checkpoint.
    """
    bare, chosen, staged = split_name(str(name_or_file))
    if bare == twin.NAME:
        if staged:
            raise FewshotLabError(f"{twin.NAME} is read in its stages already: leave {SUFFIX} out.")
        return twin.TwinBackbone()
    backbone = _find(bare)
    return StagedBackbone(backbone, chosen) if staged else backbone


def with_stages(name: str) -> str:
    """Return the name by which a backbone is read in its inner stages too."""
    return name if SUFFIX in name or name == twin.NAME else name + SUFFIX


def _find(name: str) -> Backbone:
    if name == embedded.NAME:
        return embedded.EmbeddedEfficientNet()
    if name in nielsen.NAMES:
        return nielsen.NielsenBackbone(name)
    if name in published.ROWS:
        return published.PublishedBackbone(name)
    if name in (shipped := _shipped()):
        return _file(shipped[name], name=name)
    if name.startswith(RUN):
        return _of_run(name)
    if name.startswith(catalogue.PREFIX):
        return timm_models.TimmBackbone(timm_models.card_of(name.removeprefix(catalogue.PREFIX)))
    file, _, architecture = name.partition("::")
    if Path(file).suffix.lower() in SUFFIXES or expanded(file).is_file():
        return _file(Path(file), architecture or None)
    known = [*_fixed_names(), *_runs(), *(card.name for card in catalogue.TIMM)]
    raise FewshotLabError(f"There is no backbone {name!r}{_close(name, known)}")


def _fixed_names() -> list[str]:
    return [twin.NAME, embedded.NAME, *_shipped(), *published.ROWS, *nielsen.NAMES]


def file_named(text: str) -> Path | None:
    """Return the file on this machine that a name of :func:`find` means; None for a name."""
    name = split_name(text)[0]
    if name in _fixed_names() or name.startswith((RUN, catalogue.PREFIX)):
        return None
    file = Path(name.partition("::")[0])
    is_path = len(file.parts) > 1 or "\\" in name or file.suffix.lower() in SUFFIXES
    file = expanded(file).absolute()
    return file if is_path or file.is_file() else None


def _close(name: str, names: Sequence[str]) -> str:
    """Return the end of a sentence: the closest names, of the same family where there are any."""
    family = re.split(r"[\d_.:-]", name.lower())[0]
    same = [other for other in names if len(family) > 2 and family in other.lower()]
    cutoff = 0.0 if same else 0.4
    return did_you_mean(name, same or names, "; 'backbones' lists them.", cutoff=cutoff)


def _runs() -> dict[str, Path]:
    """Return the backbones that pretraining has made here so far."""
    return {
        RUN + path.parent.name: path
        for path in sorted(home().glob(f"{RUNS}/*/backbone.safetensors"))
    }


def _of_run(name: str) -> Backbone:
    runs = _runs()
    if name in runs:
        return _file(runs[name], name=name)
    if (home() / RUNS / name.removeprefix(RUN)).is_dir():
        raise FewshotLabError(f"The run {name.removeprefix(RUN)!r} has no backbone yet.")
    near = _close(name, list(runs)) if runs else "; 'runs' lists them."
    raise FewshotLabError(f"There is no pretraining run {name.removeprefix(RUN)!r}{near}")


def _shipped() -> dict[str, Path]:
    return {path.stem: path for path in sorted(_SHIPPED.glob("*.safetensors"))}


def _file(path: Path, architecture: str | None = None, name: str | None = None) -> Backbone:
    path = expanded(path).absolute()
    if not path.is_file():
        raise FewshotLabError(f"There is no file {path}.")
    return _opened(path, architecture, name)


@while_unchanged(16)
def _opened(path: Path, architecture: str | None, name: str | None) -> Backbone:
    """Open a file once while it stays as it is: telling its architecture may take seconds."""
    from fewshot_lab.backbones.checkpoint_file import FileBackbone

    return FileBackbone(path, architecture, name=name)
