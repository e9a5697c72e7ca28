"""Pillow and its libraries print nothing; what matters to a user is an ``UnreadableImage``.

The text of this file also stands in the ``predict.py`` of every exported classifier.
"""

import ctypes
import logging
import warnings
from contextlib import suppress

from PIL import _imaging


def quiet_pillow() -> None:
    """Silence warnings of tags, the log, and libtiff, which writes on the terminal itself.

    Where libtiff cannot be reached from here (a Pillow that has it inside, as on Windows), it
    goes on writing.
    """
    warnings.filterwarnings("ignore", module="PIL")
    logging.getLogger("PIL").setLevel(logging.CRITICAL)
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(_imaging.__file__)
        library.TIFFSetErrorHandler(None)
        library.TIFFSetWarningHandler(None)
