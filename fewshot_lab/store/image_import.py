"""Pictures and files as they come in: what is new is added, what is known is kept."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, update

from fewshot_lab.store.database import Database, chunks, next_key, rows_where
from fewshot_lab.store.image_rows import AddReport, NewImage
from fewshot_lab.store.known_files import KnownFiles
from fewshot_lab.store.schema import files, images, refused

_Row = dict[str, Any]


class ImageImport:
    """The part of the store that takes pictures and files in."""

    _database: Database

    def add_images(self, records: Sequence[NewImage]) -> AddReport:
        """Add pictures and files in one transaction; a second time nothing changes.

        A reference label, a group or metadata that the stored picture lacks is filled in; what it
        has stays. A source that holds another picture than before leads to the new one from now
        on; the old picture keeps its labels.
        """
        if not records:
            return AddReport()
        with self._database.write() as connection:
            batch = _Batch(connection, records)
            for record in records:
                batch.add(record)
            batch.store()
            for paths in chunks(list({record.path for record in records})):
                connection.execute(delete(refused).where(refused.c.path.in_(paths)))
        return batch.report

    def add_refused(self, rows: Sequence[tuple[str, str]]) -> None:
        """Note files that could not be read, with the reason."""
        reasons = dict(rows)
        if not reasons:
            return
        with self._database.write() as connection:
            for paths in chunks(list(reasons)):
                connection.execute(delete(refused).where(refused.c.path.in_(paths)))
            connection.execute(
                refused.insert(), [{"path": p, "reason": r} for p, r in reasons.items()]
            )

    def refused(self) -> list[tuple[str, str]]:
        """Return the files that could not be read, with the reason, by path."""
        query = select(refused.c.path, refused.c.reason).order_by(refused.c.path)
        with self._database.read() as connection:
            return [(path, reason) for path, reason in connection.execute(query)]

    def known_sources(self) -> KnownFiles:
        """Return (bytes, mtime_ns) of every imported source by (source, frame)."""
        wanted = files.c.source, files.c.source_frame, files.c.bytes, files.c.mtime_ns
        query = select(*wanted).where(files.c.replaced == 0).order_by(*wanted[:2])
        few = {"yield_per": 10_000}  # of the rows in memory at a time
        with (
            self._database.read() as connection,
            connection.execute(query, execution_options=few) as rows,
        ):
            return KnownFiles((s, frame, n, at) for s, frame, n, at in rows)

    def fill_in(
        self, values: Mapping[tuple[str, int], tuple[str | None, str | None, Mapping[str, Any]]]
    ) -> int:
        """Give imported images the reference label, group and metadata that they lack.

        Parameters
        ----------
        values : mapping
            From (source, frame) to (reference, group, metadata); what an image has already stays.

        Returns
        -------
        int
            How many images were given something.
        """
        query = (
            select(images.c.ordinal, images.c.reference, images.c.grp, images.c.meta)
            .join(files, files.c.image == images.c.ordinal)
            .where(files.c.source == bindparam("source"))
            .where(files.c.source_frame == bindparam("frame"), files.c.replaced == 0)
            .limit(1)
        )
        filled = 0
        with self._database.write() as connection:
            for (source, frame), (reference, group, meta) in values.items():
                row = connection.execute(query, {"source": source, "frame": frame}).one_or_none()
                if row is None:
                    continue
                stored = json.loads(row.meta or "{}")
                lacking = {
                    "reference": reference if row.reference is None else None,
                    "grp": group if row.grp is None else None,
                    "meta": _dump({**stored, **meta, **stored}) if meta.keys() - stored else None,
                }
                if new := {key: value for key, value in lacking.items() if value is not None}:
                    connection.execute(
                        update(images).where(images.c.ordinal == row.ordinal).values(**new)
                    )
                filled += bool(new)
        return filled


class _Batch:
    """Records of one import, sorted into what is new and what changes."""

    def __init__(self, connection: Connection, records: Sequence[NewImage]):
        self.report = AddReport()
        self._connection = connection
        self._images = _known_images(connection, [record.id for record in records])
        self._files = _known_files(connection, [r.source or r.file for r in records])
        self._first = self._ordinal = next_key(connection, images.c.ordinal)
        self._seq = next_key(connection, files.c.seq)
        self._new_images: list[_Row] = []
        self._new_files: list[_Row] = []
        self._filled: dict[int, _Row] = {}

    def add(self, record: NewImage) -> None:
        """Sort in one record."""
        known = self._images.get(record.id)
        image = known or self._new_image(record)
        if known and _fill_in(image, record, self.report) and image["ordinal"] < self._first:
            self._filled[image["ordinal"]] = image
        if self._add_file(record, image) and known:
            self.report.duplicates.append((record.path, record.id))

    def store(self) -> None:
        """Write what is new and what was filled in."""
        if self._new_images:
            self._connection.execute(images.insert(), self._new_images)
        if self._new_files:
            self._connection.execute(files.insert(), self._new_files)
        for ordinal, row in self._filled.items():
            changed = {key: row[key] for key in ("grp", "reference", "meta")}
            self._connection.execute(
                update(images).where(images.c.ordinal == ordinal).values(changed)
            )

    def _new_image(self, record: NewImage) -> _Row:
        row = {
            "ordinal": self._ordinal,
            "id": record.id,
            "width": record.width,
            "height": record.height,
            "grp": record.group,
            "reference": record.reference,
            "meta": _dump(record.meta),
        }
        self._ordinal += 1
        self._images[record.id] = row
        self._new_images.append(row)
        self.report.added.append(record.id)
        return row

    def _add_file(self, record: NewImage, image: _Row) -> bool:
        """Add the record's file; say whether it is new, or holds another picture than before."""
        source = record.source or record.file
        frame = record.frame if record.source_frame is None else record.source_frame
        earlier = self._files.get((source, frame))
        if earlier is not None and earlier["image"] == image["ordinal"]:
            if (earlier["bytes"], earlier["mtime_ns"]) != (record.bytes, record.mtime_ns):
                # Touched, or written again with the same pixels.
                self._update(earlier, bytes=record.bytes, mtime_ns=record.mtime_ns)
            self.report.unchanged += 1
            return False
        if earlier is not None:
            self._update(earlier, replaced=1)
        row = {
            "seq": self._seq,
            "image": image["ordinal"],
            "path": record.path,
            "file": record.file,
            "frame": record.frame,
            "source": source,
            "source_frame": frame,
            "bytes": record.bytes,
            "mtime_ns": record.mtime_ns,
            "replaced": 0,
        }
        self._seq += 1
        self._files[source, frame] = row
        self._new_files.append(row)
        return True

    def _update(self, file: _Row, **values: int) -> None:
        # Of a file that this batch adds, the row is written only at the end.
        file.update(values)
        self._connection.execute(update(files).where(files.c.seq == file["seq"]).values(**values))


def _known_images(connection: Connection, ids: Sequence[str]) -> dict[str, _Row]:
    rows = rows_where(connection, select(images), images.c.id, set(ids))
    return {row.id: row._asdict() for row in rows}


def _known_files(connection: Connection, sources: Sequence[str]) -> dict[tuple[str, int], _Row]:
    query = select(files).where(files.c.replaced == 0)
    rows = rows_where(connection, query, files.c.source, set(sources))
    return {(row.source, row.source_frame): row._asdict() for row in rows}


def _fill_in(row: _Row, record: NewImage, report: AddReport) -> bool:
    """Add to a stored picture what it lacks; say whether anything was added."""
    before = (row["grp"], row["reference"], row["meta"])
    if row["reference"] is None:
        row["reference"] = record.reference
    elif record.reference is not None and record.reference != row["reference"]:
        report.conflicts.append((record.path, record.id))
    if row["grp"] is None:
        row["grp"] = record.group
    if record.meta:
        row["meta"] = _dump({**record.meta, **json.loads(row["meta"] or "{}")})
    return before != (row["grp"], row["reference"], row["meta"])


def _dump(meta: Mapping[str, Any]) -> str | None:
    return json.dumps(dict(meta), ensure_ascii=False) if meta else None
