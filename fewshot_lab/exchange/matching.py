"""Which image of the project a path of another tool means."""

from collections.abc import Iterator, Sequence

from fewshot_lab.store import Store
from fewshot_lab.tables import plain_path


def project_paths(store: Store, paths: Sequence[str]) -> dict[str, str]:
    """Return the project's own path for paths; those that lead nowhere stay as they are.

    A path is looked up as one of a table; else one of the two may lack folders at its beginning:
    a tool may keep the name of the file alone, or put its own folders before it. Where several
    images could be meant, none is.
    """
    ids = store.find_many(paths)
    away = [path for path in paths if path not in ids]
    if not away:
        return {path: path for path in paths}
    own: dict[str, str] = {}
    ending: dict[str, set[str]] = {}  # by the end of a path, the paths of images that have it
    seen: dict[str, str] = {}
    for row in store.export_labels(include_unlabelled=True):
        path = seen.setdefault(row["image"], row["path"])  # copies of one picture are one
        own[row["path"]] = path
        for end in _ends(row["path"]):
            ending.setdefault(end, set()).add(path)

    def meant(path: str) -> str:
        plain = plain_path(path)
        shorter = ending.get(plain, set())
        if len(shorter) == 1:
            return next(iter(shorter))
        longer = next((end for end in _ends(plain) if end in own), None)
        return path if shorter or longer is None else own[longer]

    return {path: path if path in ids else meant(path) for path in paths}


def _ends(path: str) -> Iterator[str]:
    """Yield "a/b/c.png", "b/c.png", "c.png"."""
    while path:
        yield path
        path = path.partition("/")[2]
