"""A software bill of materials: everything installed that the app runs on, as CycloneDX."""

import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any
from uuid import uuid4

from packaging.requirements import Requirement

from fewshot_lab.version import __version__

_APP = "fewshot-lab"


def bill_of_materials() -> dict[str, Any]:
    """Return a CycloneDX 1.6 document of the Python environment that this runs in.

    Each package with version, licence, package URL and what it needs; the weights that come with
    the app, with their SHA-256.
    """
    packages = {_name(each.name): each for each in metadata.distributions() if each.name}
    packages.pop(_APP, None)
    own = {"type": "application", "bom-ref": _APP, "name": _APP, "version": __version__}
    weights = list(_weights())
    refs = {name: _purl(name, each.version) for name, each in packages.items()}
    needs = {refs[name]: _needs(each, refs) for name, each in packages.items()}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid4()}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
            "component": own | {"licenses": [{"license": {"id": "Apache-2.0"}}]},
        },
        "components": [
            *(_component(name, packages[name], refs[name]) for name in sorted(packages)),
            *weights,
        ],
        "dependencies": [
            {"ref": _APP, "dependsOn": sorted({*needs, *(each["bom-ref"] for each in weights)})},
            *({"ref": ref, "dependsOn": needed} for ref, needed in sorted(needs.items())),
        ],
    }


def _component(name: str, package: metadata.Distribution, purl: str) -> dict[str, Any]:
    about: dict[str, Any] = {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": package.version,
        "purl": purl,
    }
    if summary := _stated(package, "Summary"):
        about["description"] = summary[0]
    if licence := _licence(package):
        about["licenses"] = [{"license": {"name": licence}}]
    return about


def _licence(package: metadata.Distribution) -> str | None:
    """Return the licence as the package states it, in a line."""
    if expression := _stated(package, "License-Expression"):
        return expression[0]
    kinds = [
        line.rpartition(" :: ")[2]
        for line in _stated(package, "Classifier")
        if line.startswith("License ::")
    ]
    first = "".join(_stated(package, "License")).strip().partition("\n")[0]
    return " and ".join(kinds) or first[:200] or None


def _stated(package: metadata.Distribution, field: str) -> list[str]:
    return package.metadata.get_all(field) or []


def _needs(package: metadata.Distribution, refs: dict[str, str]) -> list[str]:
    wanted = map(Requirement, package.requires or [])
    names = {_name(r.name) for r in wanted if not r.marker or r.marker.evaluate({"extra": ""})}
    return sorted(refs[name] for name in names & refs.keys())


def _weights() -> Iterator[dict[str, Any]]:
    folder = Path(__file__).resolve().parents[1] / "backbones" / "weights"
    for file in sorted(folder.glob("*.safetensors")):
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        yield {
            "type": "machine-learning-model",
            "bom-ref": f"{_APP}/{file.name}",
            "name": file.stem,
            "version": __version__,
            "hashes": [{"alg": "SHA-256", "content": digest}],
        }


def _name(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _purl(name: str, version: str) -> str:
    return f"pkg:pypi/{name}@{version.replace('+', '%2B')}"
