"""Whether the app could take a label now: for whoever watches the server."""

import os

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.files import nearest_existing
from fewshot_lab.home import home
from fewshot_lab.project import server_url
from fewshot_lab.store import server_version


def readiness() -> dict[str, bool]:
    """Return what labelling needs, and whether it is there: ``home`` and ``database``."""
    return {"home": home_is_writable(), "database": _database_answers()}


def home_is_writable() -> bool:
    """Say whether projects can be written; a home that is not there yet can be made."""
    folder = nearest_existing(home())
    return os.access(folder, os.R_OK | os.W_OK | os.X_OK) and folder.is_dir()


def _database_answers() -> bool:
    url = server_url()
    if url is None:
        return True
    try:
        server_version(url)
    except FewshotLabError:
        return False
    return True
