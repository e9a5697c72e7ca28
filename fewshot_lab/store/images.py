"""Pictures and the files that lead to them."""

import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from threading import Lock
from typing import Any

from sqlalchemy import Connection, bindparam, delete, or_, select, update

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.store.database import Database, chunks, next_key
from fewshot_lab.store.rows import AddReport, FileRow, ImageRow, NewImage
from fewshot_lab.store.schema import files, images, refused


class Images:
    """The part of the store that deals with pictures and files."""

    _database: Database
    _ids: list[str]
    _ids_lock: Lock

    def add_images(self, records: Sequence[NewImage]) -> AddReport:
        """Add pictures and files in one transaction; a second time nothing changes.

        A reference label, a group or metadata that the stored picture lacks is filled in; what it
        has stays. A source that holds another picture than before leads to the new one from now
        on; the old picture keeps its labels.
        """
        report = AddReport([], [], 0, [])
        known_files = 0
        if not records:
            return report
        with self._database.write() as connection:
            known = _known_images(connection, [record.id for record in records])
            sources = _known_files(connection, [r.source or r.file for r in records])
            ordinal = next_key(connection, images.c.ordinal)
            seq = next_key(connection, files.c.seq)
            new_images: list[dict[str, Any]] = []
            new_files: list[dict[str, Any]] = []
            filled: set[int] = set()
            for record in records:
                row = known.get(record.id)
                was_there = row is not None
                if row is None:
                    row = {
                        "ordinal": ordinal,
                        "id": record.id,
                        "width": record.width,
                        "height": record.height,
                        "grp": record.group,
                        "reference": record.reference,
                        "meta": _dump(record.meta),
                    }
                    known[record.id] = row
                    new_images.append(row)
                    report.added.append(record.id)
                    ordinal += 1
                elif _fill_in(row, record, report) and row not in new_images:
                    filled.add(row["ordinal"])

                source = record.source or record.file
                frame = record.frame if record.source_frame is None else record.source_frame
                earlier = sources.get((source, frame))
                if earlier is not None and earlier["image"] == row["ordinal"]:
                    report_known = (earlier["bytes"], earlier["mtime_ns"])
                    if report_known != (record.bytes, record.mtime_ns):
                        # Touched, or written again with the same pixels.
                        earlier.update(bytes=record.bytes, mtime_ns=record.mtime_ns)
                        connection.execute(
                            update(files)
                            .where(files.c.seq == earlier["seq"])
                            .values(bytes=record.bytes, mtime_ns=record.mtime_ns)
                        )
                    known_files += 1
                    continue
                if earlier is not None:
                    earlier["replaced"] = 1
                    if all(new is not earlier for new in new_files):
                        connection.execute(
                            update(files).where(files.c.seq == earlier["seq"]).values(replaced=1)
                        )
                file = {
                    "seq": seq,
                    "image": row["ordinal"],
                    "path": record.path,
                    "file": record.file,
                    "frame": record.frame,
                    "source": source,
                    "source_frame": frame,
                    "bytes": record.bytes,
                    "mtime_ns": record.mtime_ns,
                    "replaced": 0,
                }
                seq += 1
                sources[source, frame] = file
                new_files.append(file)
                if was_there:
                    report.duplicates.append((record.path, record.id))
            if new_images:
                connection.execute(images.insert(), new_images)
            if new_files:
                connection.execute(files.insert(), new_files)
            for row in known.values():
                if row["ordinal"] in filled:
                    changed = {key: row[key] for key in ("grp", "reference", "meta")}
                    connection.execute(
                        update(images).where(images.c.ordinal == row["ordinal"]).values(changed)
                    )
            for paths in chunks(list({record.path for record in records})):
                connection.execute(delete(refused).where(refused.c.path.in_(paths)))
        return replace(report, known=known_files)

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

    def known_sources(self) -> dict[tuple[str, int], tuple[int, int]]:
        """Return (bytes, mtime_ns) of every imported source by (source, frame)."""
        query = select(files.c.source, files.c.source_frame, files.c.bytes, files.c.mtime_ns).where(
            files.c.replaced == 0
        )
        with self._database.read() as connection:
            return {(s, frame): (n, at) for s, frame, n, at in connection.execute(query).all()}

    def ids(self) -> list[str]:
        """Return all image ids; new ones only ever come at the end."""
        # Ordinals are 1, 2, 3, ...: what is known already need not be read again.
        with self._database.read() as connection, self._ids_lock:
            query = select(images.c.id).where(images.c.ordinal > len(self._ids))
            self._ids.extend(connection.scalars(query.order_by(images.c.ordinal)))
            return self._ids.copy()

    def image(self, image_id: str) -> ImageRow:
        """Return one image.

        Raises
        ------
        FewshotLabError
            Where there is none with this id.
        """
        rows = self.images([image_id])
        if not rows:
            raise FewshotLabError(f"There is no image with the id “{image_id}” in this project.")
        return rows[0]

    def images(self, ids: Sequence[str] | None = None) -> list[ImageRow]:
        """Return images: all in insertion order, or some in the order asked (unknown left out)."""
        with self._database.read() as connection:
            if ids is None:
                rows = _image_rows(connection, None).values()
                return sorted(rows, key=lambda row: row.ordinal)
            found: dict[str, ImageRow] = {}
            for some in chunks(list(dict.fromkeys(ids))):
                found |= _image_rows(connection, some)
        return [found[image_id] for image_id in ids if image_id in found]

    def find(self, path_or_id: str) -> str | None:
        """Return the id of an image named by its id, its path or its file.

        Raises
        ------
        FewshotLabError
            Where the path leads to several pictures (of different imports).
        """
        return self.find_many([path_or_id]).get(path_or_id)

    def find_many(self, names: Sequence[str]) -> dict[str, str]:
        """Return the ids of images by id, path or file; names that lead nowhere are left out.

        "ä" may be one character or two: a Mac writes names in the second way.

        Raises
        ------
        FewshotLabError
            Where a path leads to several pictures.
        """
        found: dict[str, str] = {}
        several: set[str] = set()
        with self._database.read() as connection:
            for some in chunks(list(dict.fromkeys(names)), 2000):
                as_stored = {unicodedata.normalize("NFC", name): name for name in some}
                by_id = select(images.c.id).where(images.c.id.in_(some))
                found.update((i, i) for i in connection.scalars(by_id))
                query = (
                    select(files.c.path, files.c.source, files.c.source_frame, images.c.id)
                    .join(images, images.c.ordinal == files.c.image)
                    .where(files.c.replaced == 0)
                    .where(or_(files.c.path.in_(list(as_stored)), files.c.source.in_(some)))
                )
                for path, source, frame, image_id in connection.execute(query):
                    name = as_stored.get(path, source)
                    if path not in as_stored and frame != 0:
                        continue
                    if found.setdefault(name, image_id) != image_id:
                        several.add(name)
        if several:
            raise FewshotLabError(
                f"The path {min(several)} leads to several images, of different imports: "
                "name the one you mean by its id."
            )
        return found

    def files(self, image_id: str | None = None) -> list[FileRow]:
        """Return every file that leads to an image (those of one image, if given)."""
        query = (
            select(files.c.path, images.c.id, files.c.file, files.c.frame)
            .join(images, images.c.ordinal == files.c.image)
            .order_by(files.c.seq)
        )
        if image_id is not None:
            query = query.where(images.c.id == image_id)
        with self._database.read() as connection:
            return [FileRow(*row) for row in connection.execute(query).all()]

    def search(self, text: str, limit: int = 500) -> list[str]:
        """Return images whose path holds a text, or whose id begins with it."""
        wanted = unicodedata.normalize("NFC", text).strip()
        if not wanted:
            return []
        query = (
            select(images.c.id)
            .join(files, files.c.image == images.c.ordinal)
            .where(
                or_(
                    files.c.path.icontains(wanted, autoescape=True),
                    images.c.id.startswith(wanted.lower(), autoescape=True),
                )
            )
            .group_by(images.c.ordinal, images.c.id)
            .order_by(images.c.ordinal)
            .limit(limit)
        )
        with self._database.read() as connection:
            return list(connection.scalars(query))

    def columns(self) -> list[str]:
        """Return the names of the metadata columns, in the order in which they came."""
        query = select(images.c.meta).where(images.c.meta.is_not(None)).distinct()
        names: dict[str, None] = {}
        with self._database.read() as connection:
            for meta in connection.scalars(query):
                names.update(dict.fromkeys(json.loads(meta)))
        return list(names)

    def column(self, name: str) -> dict[str, str | float]:
        """Return a metadata column by image id, also "group" and "reference"."""
        own = {"group": images.c.grp, "reference": images.c.reference}
        with self._database.read() as connection:
            if name in own:
                query = select(images.c.id, own[name]).where(own[name].is_not(None))
                return {row[0]: row[1] for row in connection.execute(query)}
            stored = select(images.c.id, images.c.meta).where(images.c.meta.is_not(None))
            found, parsed = {}, {}
            for image_id, meta in connection.execute(stored).all():
                if meta not in parsed:
                    parsed[meta] = json.loads(meta).get(name)
                if parsed[meta] is not None:
                    found[image_id] = parsed[meta]
            return found

    def fill_in(self, said: Mapping[tuple[str, int], tuple[str | None, str | None]]) -> int:
        """Give imported images the reference label and the group that they lack.

        Parameters
        ----------
        said : mapping
            From (source, frame) to (reference, group); what an image has already stays.

        Returns
        -------
        int
            How many images were given something.
        """
        filled = 0
        image = (
            select(files.c.image)
            .where(files.c.source == bindparam("source"))
            .where(files.c.source_frame == bindparam("frame"), files.c.replaced == 0)
            .limit(1)
            .scalar_subquery()
        )
        with self._database.write() as connection:
            for (source, frame), values in said.items():
                new = False
                for column, value in zip((images.c.reference, images.c.grp), values, strict=True):
                    if value is None:
                        continue
                    statement = update(images).where(images.c.ordinal == image, column.is_(None))
                    done = connection.execute(
                        statement.values({column: value}), {"source": source, "frame": frame}
                    )
                    new = new or done.rowcount > 0
                filled += new
        return filled

    def set_groups(self, groups: Mapping[str, str | None]) -> None:
        """Say which images belong together (patient, slide, video)."""
        if not groups:
            return
        statement = (
            update(images).where(images.c.id == bindparam("image_id")).values(grp=bindparam("to"))
        )
        with self._database.write() as connection:
            connection.execute(
                statement, [{"image_id": i, "to": group} for i, group in groups.items()]
            )


def _known_images(connection: Connection, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    found = {}
    for some in chunks(list(dict.fromkeys(ids))):
        for row in connection.execute(select(images).where(images.c.id.in_(some))).mappings():
            found[row["id"]] = dict(row)
    return found


def _known_files(
    connection: Connection, sources: Sequence[str]
) -> dict[tuple[str, int], dict[str, Any]]:
    found = {}
    for some in chunks(list(dict.fromkeys(sources))):
        query = select(files).where(files.c.source.in_(some), files.c.replaced == 0)
        for row in connection.execute(query).mappings():
            found[row["source"], row["source_frame"]] = dict(row)
    return found


def _fill_in(row: dict[str, Any], record: NewImage, report: AddReport) -> bool:
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


def _image_rows(connection: Connection, ids: Sequence[str] | None) -> dict[str, ImageRow]:
    # The first file that still holds the picture; the first one of all where none does.
    query = (
        select(
            images.c.id,
            files.c.path,
            files.c.file,
            files.c.frame,
            images.c.width,
            images.c.height,
            files.c.bytes,
            images.c.grp,
            images.c.reference,
            images.c.meta,
            images.c.ordinal,
            files.c.source,
        )
        .join(files, files.c.image == images.c.ordinal)
        .order_by(images.c.ordinal, files.c.seq)
    )
    if ids is not None:
        query = query.where(images.c.id.in_(ids))
    parsed: dict[str | None, dict[str, str | float]] = {None: {}}
    found: dict[str, ImageRow] = {}
    for replaced in (0, 1):
        for row in connection.execute(query.where(files.c.replaced == replaced)).all():
            image_id, path, file, frame, width, height, n, group, reference, meta, ordinal, src = (
                row
            )
            if image_id in found:
                continue
            if replaced and file == src:
                # Another picture lies there now, and must not be taken for this one.
                file = f"replaced/{image_id}"
            if meta not in parsed:
                parsed[meta] = json.loads(meta)
            found[image_id] = ImageRow(
                id=image_id,
                path=path,
                file=file,
                frame=frame,
                width=width,
                height=height,
                bytes=n,
                group=group,
                reference=reference,
                meta=dict(parsed[meta]),
                ordinal=ordinal,
            )
    return found
