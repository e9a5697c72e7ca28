"""The team: what is agreed on how several annotators share a project, each change on record."""

from sqlalchemy import select

from fewshot_lab.store import action_log
from fewshot_lab.store.action_log import Author
from fewshot_lab.store.current_labels import CurrentLabels, team_at
from fewshot_lab.store.database import Database, next_key
from fewshot_lab.store.queries import moment
from fewshot_lab.store.schema import actions, team_events
from fewshot_lab.store.team import Team, TeamChange


class TeamHistory:
    """The part of the store that deals with who labels, and whose word trains."""

    _database: Database
    _current: CurrentLabels

    def team(self, at: int | None = None) -> Team:
        """Return what is agreed now, or was at a position of the log."""
        with self._database.read() as connection:
            return self._current.team(connection) if at is None else team_at(connection, at)

    def set_team(
        self, team: Team, annotator: str, *, client: str | None = None, q: int | None = None
    ) -> int:
        """Agree on something else; it holds from the returned position of the log on.

        An action of the log, so that time and author are kept, every label of then can be rebuilt,
        and everybody who looks notices. Undo passes it over: a change back is a change.
        """
        by = Author(annotator, client, q)
        with self._database.write() as connection:
            if (done := action_log.find(connection, by)) is not None:
                return int(done["id"])
            sentence = team.changes(team_at(connection))
            position = action_log.append(
                connection, by, what="team" if sentence else "nothing", sentence=sentence
            )
            if sentence:
                connection.execute(
                    team_events.insert().values(
                        id=next_key(connection, team_events.c.id),
                        action=position,
                        value=team.to_json(),
                    )
                )
            return position

    def team_changes(self) -> list[TeamChange]:
        """Return everything that was ever agreed, the newest first."""
        query = (
            select(actions, team_events.c.value)
            .join(team_events, team_events.c.action == actions.c.id)
            .order_by(actions.c.id.desc())
        )
        with self._database.read() as connection:
            return [
                TeamChange(
                    row.id, moment(row.time), row.annotator, row.sentence, Team.from_json(row.value)
                )
                for row in connection.execute(query)
            ]

    def annotators(self) -> list[str]:
        """Return everybody who has labelled something, by name."""
        query = select(actions.c.annotator).where(actions.c.what == "label").distinct()
        with self._database.read() as connection:
            return sorted(connection.scalars(query), key=str.casefold)
