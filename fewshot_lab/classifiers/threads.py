"""One BLAS thread while a refit runs.

A refit's matrices are small: a second thread gains little on an idle machine and costs a factor
of ten on a busy one, where the threads wait for each other in a spin. One thread also makes the
sums, and so the classifier, the same on every machine with the same library.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

_lock = Lock()
_depth = 0
_controller: Any = None
_limiter: Any = None


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Limit BLAS to one thread until the last of the (possibly nested) contexts is left."""
    global _depth, _controller, _limiter
    with _lock:
        if _depth == 0:
            if _controller is None:
                from threadpoolctl import ThreadpoolController

                _controller = ThreadpoolController()
            _limiter = _controller.limit(limits=1, user_api="blas")
            _limiter.__enter__()
        _depth += 1
    try:
        yield
    finally:
        with _lock:
            _depth -= 1
            if _depth == 0:
                _limiter.__exit__(None, None, None)
                _limiter = None
