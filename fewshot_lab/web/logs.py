"""The server's log in a file that does not grow for ever."""

import logging
import os
from logging.handlers import RotatingFileHandler
from pathlib import Path

VARIABLE = "FEWSHOT_LAB_LOG"
LARGEST = 10 * 2**20
OLDER_FILES = 5


def log_to_file() -> None:
    """Write what the server logs to the file of the environment, too, where one is named.

    After 10 MiB a new one begins; five older ones stay, as ``FILE.1`` to ``FILE.5``.
    """
    name = os.environ.get(VARIABLE)
    if not name:
        return
    file = Path(name).expanduser().absolute()
    file.parent.mkdir(parents=True, exist_ok=True)
    handler = RotatingFileHandler(file, maxBytes=LARGEST, backupCount=OLDER_FILES, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    if not root.handlers:  # else nothing of the app would reach the terminal any more
        root.addHandler(logging.StreamHandler())
    root.addHandler(handler)
    # Streamlit's loggers, and the server's below it, hand nothing up.
    for logger in list(logging.root.manager.loggerDict.values()):
        if isinstance(logger, logging.Logger) and not logger.propagate:
            logger.addHandler(handler)
