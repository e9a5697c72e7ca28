"""The folder of Parquet files that a Ray Data job writes: whose it is, and which rows it has."""

import io
import json
from pathlib import Path
from typing import Any

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.files import write_atomically

ASIDE = ".unfinished"


class ParquetFolder:
    """Rows in files, each written by one worker; a killed one leaves half a file.

    Parameters
    ----------
    folder : Path
        Made if missing.
    identity : dict
        What makes the rows: another bundle or backbone writes into another folder.

    Raises
    ------
    FewshotLabError
        Where the folder holds the rows of something else.
    """

    def __init__(self, folder: Path, identity: dict[str, Any]) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        marker = folder / "rows-by.json"
        if not marker.is_file() and not any(folder.glob("*.parquet")):
            write_atomically(marker, json.dumps(identity).encode())
            return
        try:
            same = json.loads(marker.read_text("utf-8")) == identity
        except (OSError, ValueError):
            same = False
        if not same:
            raise FewshotLabError(
                f"{folder} holds rows of another job: give another folder by --out."
            )

    def finished(self) -> set[str]:
        """Return the paths that have a row, so that they are left out now.

        What a killed worker left half-written is set aside under another ending. Rows of files
        that could not be read are taken out: these are tried again.
        """
        import pyarrow as pa
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        paths: set[str] = set()
        for file in self._files():
            try:
                table = pq.read_table(file)
            except (pa.ArrowInvalid, OSError):
                file.replace(file.with_name(file.name + ASIDE))
                continue
            read = table.filter(pc.equal(table["reason"], ""))
            if read.num_rows < table.num_rows:
                if read.num_rows:
                    buffer = io.BytesIO()
                    pq.write_table(read, buffer)
                    write_atomically(file, buffer.getbuffer())
                else:
                    file.unlink()
            paths.update(read["path"].to_pylist())
        return paths

    def outcome(self) -> tuple[int, list[tuple[str, str]]]:
        """Return how many rows there are of files that could be read, and the others: path, why."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        count = 0
        errors: list[tuple[str, str]] = []
        for file in self._files():
            try:
                rows = pq.read_table(file, columns=["path", "reason"]).to_pylist()
            except (pa.ArrowInvalid, OSError):
                file.replace(file.with_name(file.name + ASIDE))
                continue
            unread = [(row["path"], row["reason"]) for row in rows if row["reason"]]
            count += len(rows) - len(unread)
            errors += unread
        return count, sorted(errors)

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("*.parquet"))


class RowCount:
    """Counts the rows of a growing folder, reading each file once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._rows: dict[str, int] = {}

    def __call__(self) -> int:
        """Return how many rows are there now."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        for file in self._folder.glob("*.parquet"):
            if file.name not in self._rows:
                try:
                    self._rows[file.name] = pq.read_metadata(file).num_rows
                except (pa.ArrowInvalid, OSError):  # it is being written
                    continue
        return sum(self._rows.values())
