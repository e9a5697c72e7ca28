"""Files that say where pixels of images lie: tiles of a slide, boxes of an image."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from fewshot_lab.files import while_unchanged
from fewshot_lab.images.errors import UnreadableImage

T = TypeVar("T")


def reference_name(path: str, identity: bytes, suffix: str) -> str:
    """Return what such a file is called: after what it refers to, and by a hash of what it says."""
    stem = "".join(c if c.isalnum() or c in "-_." else "_" for c in Path(path).stem)[:80]
    return f"{stem}-{hashlib.sha256(identity).hexdigest()[:10]}{suffix}"


def reference_bytes(
    value: Any, indent: int | None = None, *, without: tuple[str, ...] = ()
) -> bytes:
    """Return a dataclass as such a file holds it; paths may be of any encoding."""
    fields = {name: field for name, field in asdict(value).items() if name not in without}
    text = json.dumps(fields, ensure_ascii=False, indent=indent)
    return text.encode("utf-8", "surrogateescape")


def load_reference(file: Path, build: Callable[..., T], says: str) -> T:
    """Read such a file; what was read last is kept until the file changes.

    Parameters
    ----------
    file : Path
    build : callable
        Gets what the file holds by name.
    says : str
        What the file says: "where the boxes lie".

    Raises
    ------
    UnreadableImage
    """
    try:
        value: T = _load(file, build, says)
    except OSError as error:
        reason = error.strerror or error
        raise UnreadableImage(f"{says[0].upper()}{says[1:]} cannot be read: {reason}.") from None
    return value


@while_unchanged(1024)
def _load(file: Path, build: Callable[..., T], says: str) -> T:
    try:
        return build(**json.loads(file.read_bytes().decode("utf-8", "surrogateescape")))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UnreadableImage(f"The file that says {says} is damaged: {file}") from error
