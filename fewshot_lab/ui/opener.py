"""Files to download, opened when somebody does."""

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO


@dataclass(frozen=True)
class Opener:
    """Opens a file only when it is called: it is not read with every run of the page."""

    path: Path

    def __call__(self) -> BinaryIO:
        """Return the open file."""
        return self.path.open("rb")
