"""A store on SQLite and, where PostgreSQL can be started, on PostgreSQL too."""

import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.store import Store

from .annotators import Annotator, picture


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str | None]]:
    """Where a project's database is: (URL or path, schema)."""
    if request.param == "sqlite":
        yield str(tmp_path / "project.sqlite"), None
        return
    url, schema = request.getfixturevalue("postgres"), f"project_{uuid.uuid4().hex[:12]}"
    yield url, schema
    with suppress(FewshotLabError):  # a test need not have made it
        store = Store.open(url, schema)
        store.drop()
        store.close()


@pytest.fixture
def store(address: tuple[str, str | None]) -> Iterator[Store]:
    opened = Store.open(*address, create=True)
    opened.add_images([picture(n) for n in range(20)])
    yield opened
    opened.close()


@pytest.fixture
def kim(store: Store) -> Annotator:
    return Annotator(store, "kim")


@pytest.fixture
def bo(store: Store) -> Annotator:
    return Annotator(store, "bo")
