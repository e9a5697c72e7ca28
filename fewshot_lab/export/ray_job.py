"""Predicting or embedding files as a Ray Data job, into a folder of Parquet files.

The job runs in a process of its own: Ray ends the process that drives it where its head node goes
away. What is finished lies in the folder, and the next start leaves it out.
"""

import importlib.util
import multiprocessing
import os
import signal
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.export.ray_output import ParquetFolder, RowCount
from fewshot_lab.export.ray_rows import EmbeddedRows, PredictedRows, file_rows
from fewshot_lab.progress import Progress, silent

INSTALL = "Ray is not installed: pip install fewshot-lab[ray]."
LOCAL = "local"
BATCH = 32
"""Images that a worker takes at once."""

FILE = 1024
"""Rows of a Parquet file at most: what is done anew where a worker dies."""

ATTEMPTS = 3
"""Ray waits 30 seconds for its own start, which a busy machine may exceed."""

QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_enable_metrics_collection": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
"""No usage statistics, no metrics, no warning of GPUs that nobody asked for."""

LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""Makes Ray listen on 127.0.0.1 alone, on Linux, too. ``_node_ip_address`` does not: Ray replaces
127.0.0.1 by the address of the network card."""

_OBJECT_STORE = 256 << 20
_LONGEST_TEMPORARY = 30  # characters; a socket's path may have 107 in all


@dataclass(frozen=True)
class RayWork:
    """What is to be done with which files.

    Attributes
    ----------
    source : str
        What can be imported (a folder, a ZIP, a manifest), where every worker can read it; or an
        address of object storage, such as ``s3://bucket/folder``.
    out : Path
        The folder for Parquet files, which every worker can write.
    address : str
        Of Ray: HOST:PORT, ``auto``, or ``local`` for one that is started here and ends with it.
    workers : int
        At most so many, each on one processor.
    bundle : str
        A bundle's folder or ZIP; or else
    backbone : str
        a backbone's name or file, to embed and not predict.
    embeddings : bool
        With a bundle: the embeddings, too.
    """

    source: str
    out: Path
    address: str = LOCAL
    workers: int = 2
    bundle: str = ""
    backbone: str = ""
    embeddings: bool = False


@dataclass
class RayReport:
    """What a job did.

    Attributes
    ----------
    done : int
        Images with a row now.
    skipped : int
        Images that had one.
    errors : list of (path, reason)
        Files that could not be read; tried again by the next start.
    """

    done: int = 0
    skipped: int = 0
    errors: list[tuple[str, str]] = field(default_factory=list)


def run_on_ray(work: RayWork, progress: Progress = silent) -> RayReport:
    """Do the work, and go on where an earlier job ended.

    Raises
    ------
    FewshotLabError
        Where Ray is not installed or does not answer, or goes away in between; where there is no
        picture, the bundle is none, or the folder holds the rows of another job.
    RuntimeError
        For a fault of ours, or of Ray's.
    """
    if importlib.util.find_spec("ray") is None:
        raise FewshotLabError(INSTALL)
    short = len(tempfile.gettempdir()) <= _LONGEST_TEMPORARY
    spawn = multiprocessing.get_context("spawn")
    receiver, sender = spawn.Pipe(duplex=False)
    # Ray's logs name files, and go with their folder.
    with tempfile.TemporaryDirectory(
        prefix="fewshot-ray-", dir=None if short else "/tmp", ignore_cleanup_errors=True
    ) as logs:
        process = spawn.Process(target=_drive, args=(work, logs, sender), daemon=True)
        process.start()
        sender.close()
        try:
            kind, answer = _answer(receiver, work, progress)
        finally:
            _end(process)
    if kind == "fault":
        raise RuntimeError(str(answer))
    if kind == "error":
        raise FewshotLabError(str(answer))
    report: RayReport = answer
    return report


def _answer(here: Connection, work: RayWork, progress: Progress) -> tuple[str, Any]:
    """Wait for the end, and say how many rows there are meanwhile."""
    stage = "predicting" if work.bundle else "embedding"
    rows = RowCount(work.out)
    total: int | None = None
    while True:
        while not here.poll(1):
            progress(stage, rows(), total)
        try:
            kind, answer = here.recv()
        except EOFError:
            return "error", _gone(work)
        if kind != "total":
            return kind, answer
        total = answer


def _end(process: BaseProcess) -> None:
    """Wait for the process, or stop it: then Ray's own processes end with it."""
    process.join(20)
    if process.is_alive():
        process.terminate()
        process.join(20)
    if process.is_alive():
        process.kill()
        process.join()


def _gone(work: RayWork) -> str:
    return (
        f"Ray ({work.address}) no longer answers. Finished work is in {work.out}; start it again "
        "when Ray is back, and it continues from there."
    )


def _drive(work: RayWork, logs: str, connection: Connection) -> None:
    """Run in the process that Ray may end."""
    signal.signal(signal.SIGINT, lambda *_: None)  # whoever started it hears it, and ends this
    os.environ |= QUIET | (LOOPBACK if work.address == LOCAL else {})
    if not os.environ.get("FEWSHOT_LAB_DEBUG"):
        _redirect(Path(logs, "driver.log"))
    import ray
    from ray.exceptions import RayError

    try:
        identity = (PredictedRows if work.bundle else EmbeddedRows).prepare(*_arguments(work))
        folder = ParquetFolder(work.out, identity)
        _connect(work.address, work.workers, logs)
        connection.send(("done", _run(work, folder, connection)))
    except FewshotLabError as error:
        connection.send(("error", str(error)))
    except (RayError, ConnectionError, TimeoutError) as error:
        connection.send(_error_message(error, work))
    except Exception as error:
        connection.send(("fault", f"{type(error).__name__}: {error}"))
    finally:
        ray.shutdown()


def _redirect(log: Path) -> None:
    """Write Ray's lines into a file: its C++ half asks no logger."""
    with log.open("wb") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)


def _error_message(error: BaseException, work: RayWork) -> tuple[str, str]:
    """Say what a worker's error was, or that Ray is gone."""
    from ray.exceptions import RayTaskError

    for cause in reversed(list(_causes(error))):
        if isinstance(cause, RayTaskError):
            continue
        if isinstance(cause, FewshotLabError):
            return "error", str(cause)
        if isinstance(cause, ImportError):
            return "error", (
                f"A worker of Ray ({work.address}) cannot load {cause.name}: install the same "
                "fewshot-lab[ray] on all its machines."
            )
        if isinstance(cause, OSError) and cause.filename:
            return "error", f"{cause.filename}: {cause.strerror}."
    if isinstance(error, RayTaskError):
        return "fault", str(error).splitlines()[-1]
    return "error", _gone(work)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = getattr(error, "cause", None) or error.__cause__


def _arguments(work: RayWork) -> tuple[Any, ...]:
    return (work.bundle, work.embeddings) if work.bundle else (work.backbone,)


def _connect(address: str, workers: int, logs: str) -> None:
    import ray

    if address != LOCAL:
        try:
            host, colon, port = address.rpartition("://")[2].rpartition(":")
            if colon:  # Ray itself would wait for minutes
                socket.create_connection((host, int(port)), timeout=10).close()
            ray.init(address=address, log_to_driver=False)
        except (OSError, RuntimeError, ValueError):
            raise FewshotLabError(
                f"No Ray answers at {address}: start it (ray start --head), or give another "
                "address; if it asks for a token, set RAY_AUTH_MODE=token."
            ) from None
        return
    for attempt in range(ATTEMPTS):
        try:
            ray.init(
                num_cpus=workers + 1,  # one for writing
                include_dashboard=False,
                object_store_memory=_OBJECT_STORE,
                _temp_dir=logs,
                log_to_driver=False,
            )
            return
        except Exception as error:  # Ray's own wait of 30 seconds ends in a plain Exception
            ray.shutdown()
            if attempt + 1 == ATTEMPTS:
                raise FewshotLabError(f"Ray could not be started here: {error}") from None


def _run(work: RayWork, folder: ParquetFolder, connection: Connection) -> RayReport:
    import ray

    before = folder.finished()
    with tempfile.TemporaryDirectory(prefix=".unpacked-", dir=work.out) as unpacked:
        rows = file_rows(work.source, Path(unpacked))
        if not rows:
            raise FewshotLabError(f"There is no picture in {work.source}.")
        rows = [row for row in rows if not before & {row["path"], f"{row['path']}#0"}]
        connection.send(("total", len(before) + len(rows)))
        if rows:
            size = min(FILE, max(BATCH, len(rows) // (4 * work.workers)))
            files = ray.data.from_items(rows, override_num_blocks=-(-len(rows) // size))
            results = files.map_batches(
                PredictedRows if work.bundle else EmbeddedRows,
                fn_constructor_args=_arguments(work),
                batch_size=BATCH,
                compute=ray.data.ActorPoolStrategy(min_size=1, max_size=work.workers),
                num_cpus=1,
            )
            results.write_parquet(str(work.out))
    count, errors = folder.outcome()
    return RayReport(count - len(before), len(before), errors)
