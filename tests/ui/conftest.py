"""The app's pages, run without a browser."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from fewshot_lab.live import LiveSession
from fewshot_lab.project import Project

MAIN = Path(__file__).resolve().parents[2] / "fewshot_lab" / "ui" / "main.py"


@pytest.fixture
def open_app(home: Path) -> Callable[..., AppTest]:
    """Return what opens a page of the app, in a home where the first start is over."""

    def open_at(page: str = "projects.py", project: str | None = None) -> AppTest:
        home.mkdir(parents=True, exist_ok=True)
        (home / ".started").touch()
        app = AppTest.from_file(str(MAIN), default_timeout=60)
        if project is not None:
            app.query_params["project"] = project
        app.run()
        if page != "projects.py":
            app.switch_page(str(MAIN.parents[2] / "pages" / page))
            if project is not None:
                app.query_params["project"] = project
            app.run()
        return app

    return open_at


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Return a folder with six pictures in two folders, and two files that are none."""
    folder = tmp_path / "cells"
    rng = np.random.default_rng(0)
    for name in ("round", "square"):
        (folder / name).mkdir(parents=True)
        for number in range(3):
            pixels = rng.integers(0, 255, (24, 24, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    (folder / "round" / "empty.png").touch()
    (folder / "square" / "text.jpg").write_text("not a picture")
    return folder


@contextmanager
def fitted_session(project: Project) -> Iterator[LiveSession]:
    """Yield the session of a project, once it has a classifier and its curve."""
    session = LiveSession.of(project)
    session.notify()
    while session.snapshot.fitted is None:
        session.wait(session.snapshot.rev, 1)
    yield session
    session.close()


def words(app: AppTest) -> str:
    """Return all that a page says, HTML included."""
    said = [element.body for element in app.get("html") if hasattr(element, "body")]
    said += [getattr(element.proto, "body", "") for element in app.get("html")]
    said += [element.value for element in (*app.markdown, *app.caption, *app.title)]
    return unmarked("\n".join(map(str, said)))


def unmarked(html: str) -> str:
    """Return HTML without the marks of words whose meaning can be asked for."""
    return re.sub(r"</?abbr[^>]*>", "", html)
