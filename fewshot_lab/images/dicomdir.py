"""DICOMDIR: the table of contents of a CD or of a folder that a PACS wrote (PS3.10, 8.6)."""

from collections.abc import Iterator
from pathlib import Path

from fewshot_lab.images.unreadable import own_mistake

NAME = "dicomdir"
DAMAGED = "This DICOMDIR is damaged; the files beside it were read without it."
MISSING = "A DICOMDIR is read by pydicom, which is not installed; the files beside it were read."


def is_dicomdir(path: Path) -> bool:
    """Say whether a file is a table of contents by its name."""
    return path.name.lower() == NAME


def listed_files(dicomdir: Path) -> Iterator[str]:
    """Yield the relative paths of the images that a DICOMDIR lists, with "/".

    Raises
    ------
    ValueError
        Where it is damaged, or pydicom is missing, as beside an exported classifier; a sentence.
    """
    try:
        import pydicom
    except ImportError:
        raise ValueError(MISSING) from None
    try:
        records = pydicom.dcmread(dicomdir).DirectoryRecordSequence
        for record in records:
            parts = record.get("ReferencedFileID")
            if record.get("DirectoryRecordType") == "IMAGE" and parts:
                yield parts if isinstance(parts, str) else "/".join(map(str, parts))
    except Exception as error:  # the reader raises nearly anything on damaged files
        if isinstance(error, OSError) and error.strerror:
            raise ValueError(f"This DICOMDIR cannot be read: {error.strerror}.") from None
        raise ValueError(own_mistake(error) or DAMAGED) from error
