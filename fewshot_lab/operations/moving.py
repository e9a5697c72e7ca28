"""A project's rows moved between its own file and the database server."""

from pathlib import Path

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.project import DATABASE, Project, database, server_url
from fewshot_lab.store import to_file, to_server


def move_rows(name: str | Path, to: str) -> int:
    """Move a project's rows; return the position of its log, which is the same before and after.

    All rows of all tables are compared before the old ones are deleted.

    Parameters
    ----------
    name : str or Path
    to : "sqlite" or "postgresql"

    Raises
    ------
    FewshotLabError
        Where they are there already, no server is named, or the project is in use.
    """
    if to not in ("sqlite", "postgresql"):
        raise FewshotLabError(f"Rows move to 'sqlite' or 'postgresql', not to {to!r}.")
    url = server_url()
    if url is None:
        raise FewshotLabError(
            "No server is named: set FEWSHOT_LAB_DATABASE to its URL, like "
            "postgresql://user:password@host/name."
        )
    with Project.open(name) as project:
        folder, position = project.folder, project.store.position()
    file = folder / DATABASE
    if file.exists() == (to == "sqlite"):
        where = "in its folder" if file.exists() else "on the server"
        raise FewshotLabError(f"The rows of {folder.name} are {where} already.")
    if file.exists():
        place = database(folder, on_server=True)
        to_server(file, str(place[0]), place[1])
    else:
        place = database(folder)
        to_file(str(place[0]), place[1], file)
    with Project.open(folder) as project:
        if project.store.position() != position:
            raise AssertionError("the log has another position after it was moved")
        project.store.note("moved", to=to)
    return position
