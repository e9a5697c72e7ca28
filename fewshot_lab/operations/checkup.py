"""What is wrong with this installation, each with the next step."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import stat
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

import psutil
from packaging.requirements import Requirement

from fewshot_lab.accounts import sign_in
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.files import nearest_existing
from fewshot_lab.home import home
from fewshot_lab.operations.readiness import home_is_writable
from fewshot_lab.project import Project, server_url
from fewshot_lab.store import SCHEMA_VERSION, server_version
from fewshot_lab.version import __version__
from fewshot_lab.words import plural, size

ROOT = Path(__file__).resolve().parents[2]
LEAST_GB, LITTLE_GB = 1, 10
OLDEST_POSTGRESQL = 13
EXTRAS = {
    "slides": "whole slides",
    "video": "videos",
    "pacs": "a PACS and structured reports",
    "exchange": "AnnData files",
    "ray": "Ray",
}
"""What needs packages that not everybody installs."""
NETWORK_DISKS = {"nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "fuse.sshfs", "9p"}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    topic : str
    state : "good", "note" or "mend"
    sentence : str
    next_step : str
        What to do; empty where nothing is.
    """

    topic: str
    state: Literal["good", "note", "mend"]
    sentence: str
    next_step: str = ""


def check_installation() -> list[Finding]:
    """Look at everything that the app needs here."""
    looks = (_versions, _packages, _extras, _gpu, _disk, _database, _sign_in, _rights, _projects)
    return [finding for look in looks for finding in look()]


def _versions() -> Iterator[Finding]:
    python = platform.python_version()
    yield Finding(
        "versions",
        "good",
        f"Fewshot Lab {__version__}, data format {SCHEMA_VERSION}, Python {python}, "
        f"{platform.system()} {platform.machine()}.",
    )
    if sys.version_info[:2] > (3, 13):
        yield Finding(
            "versions",
            "note",
            f"Python {python} is newer than those that were tested (3.11 to 3.13).",
            "Use one of those where something fails.",
        )


def _packages() -> Iterator[Finding]:
    if wrong := [sentence for wanted in _requirements() if (sentence := _lack(wanted))]:
        yield Finding(
            "packages",
            "mend",
            f"{'; '.join(wrong)}.",
            "Run python start.py, or pip install -r requirements.txt -c requirements.lock.",
        )
    else:
        yield Finding("packages", "good", "All packages are there, in releases that fit.")


def _lack(wanted: Requirement) -> str | None:
    """Say what is wrong with a package; None where it is there, in a release that fits."""
    try:
        installed = metadata.version(wanted.name)
    except metadata.PackageNotFoundError:
        return f"{wanted.name} is missing"
    if not wanted.specifier.contains(installed, prereleases=True):
        return f"{wanted.name} is {installed}, not {wanted.specifier}"
    return None


def _extras() -> Iterator[Finding]:
    wanted = _extra_requirements()
    lacks = {
        name: [sentence for each in wanted.get(name, []) if (sentence := _lack(each))]
        for name in EXTRAS
    }
    complete = [EXTRAS[name] for name, sentences in lacks.items() if not sentences]
    missing = {name: sentences for name, sentences in lacks.items() if sentences}
    words = [f"There for {', '.join(complete)}."] if complete else []
    words += [f"Not for {EXTRAS[name]}: {'; '.join(missing[name])}." for name in missing]
    step = f"Where it is needed: pip install 'fewshot-lab[{','.join(missing)}]'." if missing else ""
    yield Finding("extras", "good", " ".join(words), step)


def _extra_requirements() -> dict[str, list[Requirement]]:
    file = ROOT / "pyproject.toml"
    if file.exists():
        extras = tomllib.loads(file.read_text())["project"]["optional-dependencies"]
        return {name: [Requirement(line) for line in lines] for name, lines in extras.items()}
    listed = [Requirement(line) for line in metadata.requires("fewshot-lab") or []]
    return {
        name: [r for r in listed if r.marker is not None and r.marker.evaluate({"extra": name})]
        for name in EXTRAS
    }


def _requirements() -> list[Requirement]:
    file = ROOT / "requirements.txt"
    if file.exists():
        lines = [line.partition(" #")[0].strip() for line in file.read_text().splitlines()]
        lines = [line for line in lines if line and not line.startswith("#")]
    else:
        lines = [line for line in metadata.requires("fewshot-lab") or [] if "extra ==" not in line]
    if server_url():
        lines.append("psycopg>=3.2")
    wanted = map(Requirement, lines)
    return [each for each in wanted if each.marker is None or each.marker.evaluate()]


def _gpu() -> Iterator[Finding]:
    import torch

    if torch.cuda.is_available():
        names = {torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())}
        yield Finding("GPU", "good", f"{', '.join(sorted(names))}, by CUDA {torch.version.cuda}.")
    elif Path("/dev/nvidia0").exists():
        yield Finding(
            "GPU",
            "mend",
            "There is an NVIDIA GPU, but torch cannot use it: images are embedded by the "
            "processors.",
            f"Compare nvidia-smi's CUDA version with torch's ({torch.version.cuda or 'none'}): the "
            "driver must be at least as new.",
        )
    else:
        cores = plural(os.cpu_count() or 1, "processor")
        yield Finding("GPU", "good", f"None: {cores} embed the images.")


def _disk() -> Iterator[Finding]:
    folder = nearest_existing(home())
    free = shutil.disk_usage(folder).free
    words = f"{size(free)} are free for {home()}."
    if free < LEAST_GB * 1e9:
        yield Finding("disk", "mend", words, "Make room: labels cannot be stored on a full disk.")
    elif free < LITTLE_GB * 1e9:
        yield Finding("disk", "note", words, "Make room before the next import.")
    else:
        yield Finding("disk", "good", words)


def _database() -> Iterator[Finding]:
    url = server_url()
    if url is not None:
        try:
            version = server_version(url)
        except FewshotLabError as error:
            step = "Check FEWSHOT_LAB_DATABASE, and that the server runs and lets this machine in."
            yield Finding("database", "mend", str(error), step)
            return
        if int(version.partition(".")[0]) < OLDEST_POSTGRESQL:
            step = f"Use PostgreSQL {OLDEST_POSTGRESQL} or newer."
            yield Finding("database", "mend", f"PostgreSQL {version} is too old.", step)
            return
        yield Finding("database", "good", f"PostgreSQL {version} answers.")
        return
    mounts = sorted(psutil.disk_partitions(all=True), key=lambda mount: len(mount.mountpoint))
    inside = [m for m in mounts if nearest_existing(home()).resolve().is_relative_to(m.mountpoint)]
    kind = inside[-1].fstype if inside else ""
    if kind in NETWORK_DISKS:
        yield Finding(
            "database",
            "mend",
            f"The projects' SQLite databases lie on a network disk ({kind}), where labels of two "
            "machines can damage them.",
            "Put --home on a disk of this machine, or name a PostgreSQL server.",
        )
    else:
        yield Finding("database", "good", f"SQLite {sqlite3.sqlite_version}, a file per project.")


def _sign_in() -> Iterator[Finding]:
    try:
        settings = sign_in()
    except FewshotLabError as error:
        yield Finding("sign-in", "mend", str(error), "docs/sign-in.md says how people sign in.")
        return
    if settings.is_on:
        yield Finding("sign-in", "good", f"People sign in: {settings.way}.")
        return
    yield Finding(
        "sign-in",
        "note",
        "There is none: anybody who reaches the app's address can see all images and label.",
        "Listen on this machine alone, or let people sign in: FEWSHOT_LAB_SIGN_IN.",
    )


def _rights() -> Iterator[Finding]:
    folder = home()
    if not home_is_writable():
        step = f"Give the user who runs the app {folder}, or name another --home."
        yield Finding("rights", "mend", f"{folder} cannot be written.", step)
        return
    if not folder.exists() or os.name != "posix":
        yield Finding("rights", "good", f"{folder} can be written.")
        return
    children = [child for child in folder.iterdir() if child.is_dir() and not child.is_symlink()]
    open_to_others = [path for path in children if stat.S_IMODE(path.stat().st_mode) & 0o077]
    if stat.S_IMODE(folder.stat().st_mode) & 0o077 and open_to_others:
        yield Finding(
            "rights",
            "mend",
            f"Other users of this machine can look into {plural(len(open_to_others), 'folder')} of "
            f"{folder}, as {open_to_others[0].name}.",
            f"Run chmod -R go-rwx '{folder}'.",
        )
    foreign = [path for path in children if path.stat().st_uid != os.geteuid()]
    if foreign and os.geteuid() != 0:
        step = f"Run the app as one user, or give the folders to this one: chown -R '{folder}'."
        yield Finding("rights", "mend", f"{foreign[0]} belongs to another user.", step)
    if not open_to_others and not foreign:
        yield Finding("rights", "good", f"{folder} is this user's alone.")


def _projects() -> Iterator[Finding]:
    sound, damaged = Project.survey()
    for each in damaged:
        yield Finding("projects", "mend", f"{each.name} does not open. {each.reason}", "See above.")
    if not damaged:
        yield Finding("projects", "good", f"{plural(len(sound), 'project')}, all open.")
