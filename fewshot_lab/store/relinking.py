"""Files that lie elsewhere now."""

from collections.abc import Mapping

from sqlalchemy import delete, select, update

from fewshot_lab.store.database import Database, chunks
from fewshot_lab.store.schema import files


class Relinking:
    """The part of the store that follows files to another place."""

    _database: Database

    def sources(self) -> dict[str, int]:
        """Return the files that images came from, with their size in bytes."""
        query = select(files.c.source, files.c.bytes).where(files.c.replaced == 0)
        with self._database.read() as connection:
            return {row.source: row.bytes for row in connection.execute(query)}

    def relink(self, moves: Mapping[str, str]) -> None:
        """Say where files lie now; images are read from there, or from their copies as before.

        Where the new place was imported already, under the same path, one row stays.

        Parameters
        ----------
        moves : mapping
            From the source as it is stored to where it lies now.
        """
        where = files.c.replaced == 0
        with self._database.write() as connection:
            for some in chunks(list(moves)):
                existing = {
                    (row.source, row.source_frame, row.image, row.path): row.seq
                    for new in chunks([moves[old] for old in some])
                    for row in connection.execute(
                        select(files).where(where, files.c.source.in_(new))
                    )
                }
                query = select(files).where(where, files.c.source.in_(some))
                for row in connection.execute(query).all():
                    new_source = moves[row.source]
                    again = existing.get((new_source, row.source_frame, row.image, row.path))
                    if again is not None:
                        connection.execute(delete(files).where(files.c.seq == again))
                    values = {"source": new_source}
                    if row.file == row.source:
                        values["file"] = new_source
                    connection.execute(update(files).where(files.c.seq == row.seq).values(values))
