"""What stands for a patient, a study or a series here: a code, from which no id can be read.

The code is a keyed hash (HMAC-SHA-256) of the id. The key is the project's own and is made once, so
that a later import of the same patient comes to the same code and another project to another.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from functools import cached_property
from typing import TYPE_CHECKING

from fewshot_lab.store import CODE_KEY

if TYPE_CHECKING:
    from fewshot_lab.project.base import ProjectFolder
    from fewshot_lab.store import Store

_DIGITS = 12


class Codes:
    """The codes of one project."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def of(self, field: str, value: str) -> str:
        """Return what stands for an identifier: "patient-3f2a91c07b5e".

        Before there were codes, groups were the ids themselves: one of those that a project has
        stays what it is, so that a patient's images never come apart.

        Parameters
        ----------
        field : str
            The DICOM field, or "NIfTI" with a file's path.
        value : str
        """
        from fewshot_lab.images import PREFIXES

        if field in ("PatientID", "StudyInstanceUID") and value in self._groups:
            return value
        digest = hmac.new(self._key, f"{field}\0{value}".encode(), hashlib.sha256)
        return f"{PREFIXES[field]}-{digest.hexdigest()[:_DIGITS]}"

    @cached_property
    def _groups(self) -> set[str]:
        return self._store.groups()

    @cached_property
    def _key(self) -> bytes:
        self._store.change(CODE_KEY, lambda key: key or secrets.token_hex(32))
        return bytes.fromhex(self._store.get(CODE_KEY))


def study_code(project: ProjectFolder, uid: str) -> str:
    """Return what stands for a study here."""
    from fewshot_lab.images import STUDY

    return Codes(project.store).of(STUDY, uid)
