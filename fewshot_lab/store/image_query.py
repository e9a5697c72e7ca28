"""One query: pictures as rows, each with the first file that still holds it."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, select

from fewshot_lab.store.image_rows import ImageColumns, ImageRow
from fewshot_lab.store.queries import plain_rows
from fewshot_lab.store.schema import files, images


def image_rows(connection: Connection, ids: Sequence[str] | None) -> dict[str, ImageRow]:
    """Return pictures by id: those of some ids, or all."""
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
    by_id: dict[str, ImageRow] = {}
    for replaced in (0, 1):
        for row in connection.execute(query.where(files.c.replaced == replaced)).all():
            image_id, path, file, *facts, meta, ordinal, source = row
            if image_id in by_id:
                continue
            if replaced and file == source:
                # Another picture lies there now, and must not be taken for this one.
                file = f"replaced/{image_id}"
            if meta not in parsed:
                parsed[meta] = json.loads(meta)
            values = (image_id, path, file, *facts, dict(parsed[meta]), ordinal)
            by_id[image_id] = ImageRow._make(values)
    return by_id


def image_columns(connection: Connection) -> ImageColumns:
    """Return all pictures by columns, in their order: a million objects take long to make."""
    query = select(images.c.ordinal, images.c.id, images.c.grp, images.c.meta)
    rows = plain_rows(connection, query.order_by(images.c.ordinal))
    if not rows:
        return ImageColumns([], [], [], [])
    ordinals, ids, groups, texts = map(list, zip(*rows, strict=True))
    path_of: dict[int, str] = {}
    for replaced in (1, 0):  # the first file that still holds it is put last
        paths = select(files.c.image, files.c.path).where(files.c.replaced == replaced)
        path_of.update(plain_rows(connection, paths.order_by(files.c.seq.desc())))
    parsed = {text: json.loads(text) if text else {} for text in set(texts)}
    return ImageColumns(
        ids, [path_of[at] for at in ordinals], groups, [parsed[text] for text in texts]
    )


def files_in_use(*columns: Any) -> Select[Any]:
    """Return a query of files with their images, without files that hold another picture now."""
    in_use = select(*columns).select_from(files)
    return in_use.join(images, images.c.ordinal == files.c.image).where(files.c.replaced == 0)
