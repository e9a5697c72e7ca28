"""Predicting or embedding files as a Ray Data job, into a folder of Parquet files.

The job runs in a process of its own: Ray ends the process that drives it where its head node goes
away. What is finished lies in the folder, and the next start leaves it out.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.images import Refused, scan

INSTALL = "Ray is not installed: pip install fewshot-lab[ray]."
LOCAL = "local"
BATCH = 32
"""Files that a worker takes at once: what is done anew where it dies."""

ATTEMPTS = 3
"""Ray waits 30 seconds for its own start, which a busy machine may exceed."""

_OBJECT_STORE = 256 << 20


@dataclass(frozen=True)
class RayWork:
    """What is to be done with which files.

    Attributes
    ----------
    source : str
        What can be imported (a folder, a ZIP, a manifest), where every worker can read it; or an
        address of object storage, such as ``s3://bucket/folder``.
    out : Path
        The folder for Parquet files.
    address : str
        Of Ray: HOST:PORT, ``auto``, or ``local`` for one that is started here and ends with it.
    workers : int
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
    """What a job did: files with a row now, those that had one, those that could not be read."""

    done: int = 0
    skipped: int = 0
    errors: list[tuple[str, str]] = field(default_factory=list)


def run_on_ray(work: RayWork) -> RayReport:
    """Do the work, and go on where an earlier job ended.

    Raises
    ------
    FewshotLabError
        Where Ray is not installed or does not answer, or goes away in between; where there is no
        picture, or the bundle is none.
    """
    try:
        import ray  # noqa: F401
    except ImportError:
        raise FewshotLabError(INSTALL) from None
    here, there = multiprocessing.get_context("spawn").Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=_drive, args=(work, there))
    process.start()
    there.close()
    try:
        kind, answer = here.recv()
    except EOFError:
        kind, answer = "error", _gone(work)
    finally:
        process.join()
    if kind == "error":
        raise FewshotLabError(str(answer))
    report: RayReport = answer
    return report


def _gone(work: RayWork) -> str:
    return (
        f"Ray at {work.address} does not answer any more. What is finished is in {work.out}; "
        "start it again when Ray is back, and it goes on from there."
    )


def _drive(work: RayWork, connection: Connection) -> None:
    """Run in the process that Ray may end."""
    # Nothing leaves the machine: no usage statistics, no dashboard.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray
    from ray.exceptions import RayError

    try:
        _connect(work.address, work.workers)
        connection.send(("done", _run(work)))
    except FewshotLabError as error:
        connection.send(("error", str(error)))
    except (RayError, ConnectionError, TimeoutError) as error:
        cause = getattr(error, "cause", None) or error.__cause__
        plain = isinstance(cause, FewshotLabError)
        connection.send(("error", str(cause) if plain else _gone(work)))
    finally:
        ray.shutdown()


def _connect(address: str, workers: int) -> None:
    import ray

    quiet: dict[str, Any] = {"logging_level": "ERROR", "log_to_driver": False}
    if address != LOCAL:
        try:
            ray.init(address=address, **quiet)
        except (ConnectionError, TimeoutError, RuntimeError, ValueError):
            raise FewshotLabError(
                f"No Ray answers at {address}: start it (ray start --head), or give the address "
                "of one."
            ) from None
        return
    for attempt in range(ATTEMPTS):
        try:
            ray.init(
                num_cpus=workers + 1,  # one for writing
                include_dashboard=False,
                object_store_memory=_OBJECT_STORE,
                _node_ip_address="127.0.0.1",
                **quiet,
            )
            return
        except Exception as error:  # Ray's own wait of 30 seconds ends in a plain Exception
            ray.shutdown()
            if attempt + 1 == ATTEMPTS:
                raise FewshotLabError(f"Ray could not be started here: {error}") from None


def _run(work: RayWork) -> RayReport:
    import ray

    from fewshot_lab.export.ray_rows import EmbeddedRows, PredictedRows

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    before = _written(work.out)
    with tempfile.TemporaryDirectory(prefix="fewshot-ray-") as unpacked:
        files = _files(work, Path(unpacked), set(before))
        report = RayReport(skipped=len(before))
        if files is not None:
            does: Any = PredictedRows if work.bundle else EmbeddedRows
            arguments = (work.bundle, work.embeddings) if work.bundle else (work.backbone,)
            rows = files.map_batches(
                does,
                fn_constructor_args=arguments,
                batch_size=BATCH,
                concurrency=work.workers,
                num_cpus=1,
            )
            rows.write_parquet(str(work.out), mode="append")
    after = _written(work.out)
    report.errors = sorted((path, why) for path, why in after.items() if why)
    report.done = len(after) - len(before)
    return report


def _files(work: RayWork, unpacked: Path, before: set[str]) -> Any:
    """Return the files as a dataset; None where each has a row already."""
    import ray

    if "://" in work.source:
        files = ray.data.read_binary_files(work.source, include_paths=True)
        return files.filter(lambda row: row["path"] not in before)
    rows = []
    seen = 0
    for item in scan(Path(work.source), extract_to=unpacked):
        seen += 1
        if item.path in before:
            continue
        if isinstance(item, Refused):
            rows.append({"path": item.path, "file": "", "frame": 0, "refused": item.reason})
        else:
            file = str(item.file.absolute())
            rows.append({"path": item.path, "file": file, "frame": item.frame, "refused": ""})
    if not seen:
        raise FewshotLabError(f"There is no picture in {work.source}.")
    if not rows:
        return None
    return ray.data.from_items(rows, override_num_blocks=max(1, len(rows) // BATCH))


def _written(out: Path) -> dict[str, str]:
    """Return the paths that have a row, with why they could not be read; half a file goes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows: dict[str, str] = {}
    for file in sorted(out.glob("*.parquet")):
        try:
            table = pq.read_table(file, columns=["path", "reason"])
        except (pa.ArrowInvalid, OSError):
            file.unlink(missing_ok=True)
            continue
        rows |= dict(zip(*table.to_pydict().values(), strict=True))
    return rows
