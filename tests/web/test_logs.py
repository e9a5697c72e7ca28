"""The server's log goes to a file as well, and that file is changed before it is large."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from fewshot_lab.web import log_to_file


@pytest.fixture
def loggers() -> Iterator[tuple[logging.Logger, ...]]:
    apart = logging.getLogger("streamlit.of.this.test")
    apart.propagate = False
    known = [logging.getLogger(), *map(logging.getLogger, logging.root.manager.loggerDict)]
    before = {logger: list(logger.handlers) for logger in known}
    yield apart, logging.getLogger("fewshot_lab.of.this.test")
    for logger, handlers in before.items():
        for handler in set(logger.handlers) - set(handlers):
            logger.removeHandler(handler)
            handler.close()


def test_files_take_turns(
    loggers: tuple[logging.Logger, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_to_file()  # no file is named: nothing happens
    monkeypatch.setenv("FEWSHOT_LAB_LOG", str(tmp_path / "logs" / "app.log"))
    monkeypatch.setattr("fewshot_lab.web.logs.LARGEST", 10_000)
    log_to_file()
    for number in range(1000):
        for logger in loggers:
            logger.error("line %d: %s", number, "x" * 80)
    files = sorted((tmp_path / "logs").iterdir())
    assert [file.name for file in files] == ["app.log", *(f"app.log.{n}" for n in range(1, 6))]
    assert all(file.stat().st_size <= 10_000 for file in files)
    last = files[0].read_text()
    assert all(f"{logger.name}: line 999" in last for logger in loggers)
