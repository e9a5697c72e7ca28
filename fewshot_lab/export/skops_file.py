"""The classifier for scikit-learn users, without pickle."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

from fewshot_lab.export.errors import ExportRefused

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

EPOCH = (1980, 1, 1, 0, 0, 0)


def dump(estimator: BaseEstimator) -> tuple[bytes, list[str]]:
    """Write an estimator in the skops format.

    skops names its parts by memory addresses; they are renumbered here, so that the same
    classifier gives the same bytes.

    Returns
    -------
    bytes
    list of str
        The types that ``skops.io.load`` must be told to trust: parts of scikit-learn itself that
        skops does not know by name.

    Raises
    ------
    ExportRefused
        Where it holds anything but parts of scikit-learn, numpy and scipy.
    """
    import skops.io

    data = _renumbered(skops.io.dumps(estimator))
    trusted = list(skops.io.get_untrusted_types(data=data))
    foreign = [name for name in trusted if name.split(".")[0] not in ("sklearn", "numpy", "scipy")]
    if foreign:
        raise ExportRefused(
            f"The classifier cannot be written for scikit-learn: it holds {', '.join(foreign)}."
        )
    return data, trusted


def _renumbered(data: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        schema = json.loads(archive.read("schema.json"))
        files = {name: archive.read(name) for name in archive.namelist() if name != "schema.json"}
    numbers: dict[int | str, int] = {}
    renamed: dict[str, str] = {}

    def number(address: int | str) -> int:
        return numbers.setdefault(address, len(numbers) + 1)

    def walk(value: Any) -> Any:
        if isinstance(value, list):
            return [walk(item) for item in value]
        if not isinstance(value, dict):
            return value
        walked: dict[str, Any] = {}
        for key, item in value.items():
            if key == "__id__" and isinstance(item, int):
                walked[key] = number(item)
            elif key == "file" and isinstance(item, str) and item in files:
                address, dot, suffix = item.partition(".")
                whole = int(address) if address.isdigit() else item
                renamed[item] = walked[key] = f"{number(whole)}{dot}{suffix}"
            else:
                walked[key] = walk(item)
        return walked

    walked = walk(schema)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        write_member(archive, "schema.json", json.dumps(walked).encode())
        for old, new in sorted(renamed.items(), key=lambda pair: int(pair[1].split(".")[0])):
            write_member(archive, new, files[old])
    return buffer.getvalue()


def write_member(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    """Add a member with a fixed time: the same content gives the same archive."""
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, data)
