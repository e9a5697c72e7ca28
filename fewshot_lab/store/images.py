"""Pictures and the files that lead to them."""

import json
import unicodedata
from collections.abc import Iterable, Sequence
from threading import Lock

from sqlalchemy import func, or_, select

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.store.database import Database, chunks, rows_where
from fewshot_lab.store.image_query import files_in_use, image_columns, image_rows
from fewshot_lab.store.image_rows import FileRow, ImageColumns, ImageRow
from fewshot_lab.store.queries import plain_rows
from fewshot_lab.store.schema import files, images
from fewshot_lab.tables import spellings

_OWN = {"group": images.c.grp, "reference": images.c.reference}


class Images:
    """The part of the store that deals with pictures and files."""

    _database: Database
    _ids: list[str]
    _ids_lock: Lock

    def ids(self) -> list[str]:
        """Return all image ids, a list not to be changed; new ones only ever come at the end."""
        # Ordinals are 1, 2, 3, ...: what is known already need not be read again.
        with self._database.read() as connection, self._ids_lock:
            query = select(images.c.id).where(images.c.ordinal > len(self._ids))
            if new := plain_rows(connection, query.order_by(images.c.ordinal)):
                self._ids = [*self._ids, *(image_id for (image_id,) in new)]
            return self._ids

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
                rows = image_rows(connection, None).values()
                return sorted(rows, key=lambda row: row.ordinal)
            by_id: dict[str, ImageRow] = {}
            for some in chunks(list(dict.fromkeys(ids))):
                by_id |= image_rows(connection, some)
        return [by_id[image_id] for image_id in ids if image_id in by_id]

    def image_columns(self) -> ImageColumns:
        """Return what groups and test sets follow from, of all images in insertion order."""
        with self._database.read() as connection:
            return image_columns(connection)

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

        A file's name alone does where one image has it. "ä" may be one character or two: a Mac
        writes names in the second way. Of a path as tables have them,
        :func:`fewshot_lab.tables.spellings` are tried.

        Raises
        ------
        FewshotLabError
            Where a path leads to several pictures.
        """
        ids = self._find_as_is(names)
        ways = {name: spellings(name) for name in names if name not in ids}
        others = self._find_as_is([way for each in ways.values() for way in each])
        for name, each in ways.items():
            if known := next((way for way in each if way in others), None):
                ids[name] = others[known]
        bare = {name: way for name, (way, *_) in ways.items() if name not in ids and "/" not in way}
        if bare:
            by_name = self._ids_by_file_name({*bare.values()})
            ids |= {name: by_name[way] for name, way in bare.items() if way in by_name}
        return ids

    def _ids_by_file_name(self, names: set[str]) -> dict[str, str]:
        """Return the images whose paths end in names, where each name is of one image alone."""
        wanted = {unicodedata.normalize("NFC", name): name for name in names}
        ids: dict[str, set[str]] = {}
        query = files_in_use(files.c.path, images.c.id)
        with self._database.read() as connection:
            for path, image_id in connection.execute(query):
                if name := wanted.get(path.rpartition("/")[2]):
                    ids.setdefault(name, set()).add(image_id)
        return {name: some.pop() for name, some in ids.items() if len(some) == 1}

    def _find_as_is(self, names: Sequence[str]) -> dict[str, str]:
        ids: dict[str, str] = {}
        several: set[str] = set()
        with self._database.read() as connection:
            for some in chunks(list(dict.fromkeys(names)), 2000):
                as_stored = {unicodedata.normalize("NFC", name): name for name in some}
                by_id = select(images.c.id).where(images.c.id.in_(some))
                ids.update((i, i) for i in connection.scalars(by_id))
                query = files_in_use(
                    files.c.path, files.c.source, files.c.source_frame, images.c.id
                ).where(or_(files.c.path.in_(list(as_stored)), files.c.source.in_(some)))
                for path, source, frame, image_id in connection.execute(query):
                    name = as_stored.get(path, source)
                    if path not in as_stored and frame != 0:
                        continue
                    if ids.setdefault(name, image_id) != image_id:
                        several.add(name)
        if several:
            raise FewshotLabError(
                f"The path {min(several)} leads to several images, of different imports: "
                "name the one you mean by its id."
            )
        return ids

    def files(self) -> list[FileRow]:
        """Return every file that leads to an image."""
        query = (
            select(files.c.path, images.c.id, files.c.file, files.c.frame)
            .join(images, images.c.ordinal == files.c.image)
            .order_by(files.c.seq)
        )
        with self._database.read() as connection:
            return [FileRow(*row) for row in connection.execute(query).all()]

    def ids_of_sources(self, sources: Iterable[str]) -> dict[tuple[str, int], str]:
        """Return the ids of the images that came from some files, by file and frame."""
        query = files_in_use(files.c.source, files.c.source_frame, images.c.id)
        with self._database.read() as connection:
            rows = rows_where(connection, query, files.c.source, sources)
            return {(source, frame): image_id for source, frame, image_id in rows}

    def sources_of(self, ids: Sequence[str]) -> dict[str, list[tuple[str, int]]]:
        """Return the files and frames that images came from, by id, in their order."""
        places: dict[str, list[tuple[str, int]]] = {}
        query = files_in_use(images.c.id, files.c.source, files.c.source_frame).order_by(
            files.c.seq
        )
        with self._database.read() as connection:
            for image_id, source, frame in rows_where(connection, query, images.c.id, ids):
                places.setdefault(image_id, []).append((source, frame))
        return places

    def groups(self) -> set[str]:
        """Return the groups that images have."""
        with self._database.read() as connection:
            query = select(images.c.grp).where(images.c.grp.is_not(None)).distinct()
            return set(connection.scalars(query))

    def sources_ending(self, suffix: str, image_id: str | None = None) -> dict[str, str]:
        """Return the first source with an ending of the images that have one (or of one), by id."""
        query = (
            files_in_use(images.c.id, files.c.source)
            .where(files.c.source.endswith(suffix, autoescape=True))
            .order_by(files.c.seq.desc())
        )
        if image_id is not None:
            query = query.where(images.c.id == image_id)
        with self._database.read() as connection:
            return {row.id: row.source for row in connection.execute(query)}

    def has_source(self, like: str) -> bool:
        """Say whether any image came from a file whose path is like a pattern of SQL."""
        query = select(files.c.seq).where(files.c.source.like(like), files.c.replaced == 0)
        with self._database.read() as connection:
            return connection.execute(query.limit(1)).first() is not None

    def frames_of(self, source: str) -> list[tuple[int, str]]:
        """Return frame and image id of all images that came from one file, by frame."""
        query = (
            files_in_use(files.c.source_frame, images.c.id)
            .where(files.c.source == source)
            .order_by(files.c.source_frame)
        )
        with self._database.read() as connection:
            return [(frame, image_id) for frame, image_id in connection.execute(query)]

    def spare_files(self, image_id: str | None = None) -> dict[str, list[tuple[str, int]]]:
        """Return all files and frames of images that have several, by id, in their order.

        Files that hold another picture now are left out.
        """
        several = (
            select(files.c.image)
            .where(files.c.replaced == 0)
            .group_by(files.c.image)
            .having(func.count() > 1)
        )
        if image_id is not None:
            one = select(images.c.ordinal).where(images.c.id == image_id)
            several = several.where(files.c.image == one.scalar_subquery())
        query = (
            files_in_use(images.c.id, files.c.file, files.c.frame)
            .where(files.c.image.in_(several))
            .order_by(files.c.seq)
        )
        spare: dict[str, list[tuple[str, int]]] = {}
        with self._database.read() as connection:
            for known_id, file, frame in connection.execute(query):
                spare.setdefault(known_id, []).append((file, frame))
        return spare

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

    def has_groups(self) -> bool:
        """Say whether any image has a group."""
        query = select(images.c.ordinal).where(images.c.grp.is_not(None)).limit(1)
        with self._database.read() as connection:
            return connection.execute(query).first() is not None

    def reference_names(self, most: int) -> list[str]:
        """Return what the images' references are, by name; ``most`` at the most."""
        name = images.c.reference
        query = select(name).where(name.is_not(None)).distinct().order_by(name).limit(most)
        with self._database.read() as connection:
            return list(connection.scalars(query))

    def column(self, name: str) -> dict[str, str | float]:
        """Return a metadata column by image id, also "group" and "reference"."""
        with self._database.read() as connection:
            if name in _OWN:
                query = select(images.c.id, _OWN[name]).where(_OWN[name].is_not(None))
                return {row[0]: row[1] for row in connection.execute(query)}
            stored = select(images.c.id, images.c.meta).where(images.c.meta.is_not(None))
            values, parsed = {}, {}
            for image_id, meta in connection.execute(stored).all():
                if meta not in parsed:
                    parsed[meta] = json.loads(meta).get(name)
                if parsed[meta] is not None:
                    values[image_id] = parsed[meta]
            return values
