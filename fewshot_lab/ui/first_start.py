"""The demo project, made by itself when the app is started for the first time."""

from fewshot_lab import home
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.files import write_atomically
from fewshot_lab.project import Project
from fewshot_lab.ui import visitor, work
from fewshot_lab.ui.session import project_named, project_names

DEMO = "demo"
TITLE = "Demo: drawn blood cells"
STARTED = ".started"


def demo_to_open() -> str | None:
    """Return the demo project's name where a first visitor should land on it.

    That is where the app has never been used (the project is made now) and where the demo is
    still all there is.
    """
    names = project_names()
    if not names and not (home.home() / STARTED).exists():
        return make_demo().name
    return DEMO if names == [DEMO] else None


def is_demo(project: Project) -> bool:
    """Say whether a project is the demo, as it was made and named here."""
    return (project.name, project.title) == (DEMO, TITLE)


def make_demo() -> Project:
    """Make the demo project in the background: draw cells, import, embed, map.

    Raises
    ------
    FewshotLabError
        Where the projects' folder cannot be written.
    """
    visitor.require("create")
    try:
        home.home().mkdir(parents=True, exist_ok=True)
        write_atomically(home.home() / STARTED, b"")
    except OSError as error:
        raise FewshotLabError(
            f"The folder for projects, {home.home()}, cannot be written: {error.strerror}. "
            "Choose another with --home."
        ) from None
    try:
        project = Project.create(DEMO)
    except FewshotLabError:
        return project_named(DEMO)  # another visitor was a moment faster
    project.rename(TITLE)
    work.start(project, "demo")
    return project
