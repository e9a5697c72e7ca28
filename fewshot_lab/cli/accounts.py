"""Who may do what: accounts of the server, members of a project."""

from dataclasses import asdict
from typing import Annotated

import typer

from fewshot_lab.cli.options import CsvOut, ProjectName, Verbs, app, open_project, option
from fewshot_lab.cli.records import tell_journal
from fewshot_lab.cli.reporting import table, tell
from fewshot_lab.errors import FewshotLabError

Name = Annotated[
    str, typer.Argument(metavar="NAME", show_default=False, help="The name used to sign in.")
]

people = Verbs(
    name="accounts", help="People of this server: invite, list, remove.", no_args_is_help=True
)


def invite(
    name: Name,
    is_administrator: Annotated[
        bool, option("Who administers the server sees all projects.", "--administrator")
    ] = False,
    days: Annotated[float, option("How many days the link works.", min=0.01, max=90)] = 7,
    url: Annotated[str, option("Where the app is opened.")] = "http://localhost:8501",
) -> None:
    """Make a link by which somebody sets a password, once; also where one was forgotten."""
    from fewshot_lab import accounts

    token = accounts.invite(name, days=days, administrator=is_administrator)
    link = f"{url.rstrip('/')}/fewshot/invitation?token={token}"
    text = f"Give this link to {name} only. It works once, within {days:g} days:\n{link}"
    tell({"name": name, "link": link, "days": days}, text)


def administrator(
    name: Name,
    no: Annotated[bool, option("No longer.")] = False,
) -> None:
    """Make somebody an administrator of this server, however they sign in."""
    from fewshot_lab import accounts

    accounts.set_administrator(name, not no)
    now = "is no longer an administrator" if no else "administers this server"
    tell({"name": name, "administrator": not no}, f"{name} {now}.")


def list_people() -> None:
    """List everybody who is known to this server."""
    from fewshot_lab import accounts

    persons = accounts.known_people()
    result = {"people": [asdict(person) for person in persons]}
    if not persons:
        text = "There are no accounts yet: 'accounts invite NAME --administrator' is the first."
        tell(result, text)
        return
    rows = [
        [
            person.name,
            "administrator" if person.administrator else "",
            "invited" if person.invited else "password set" if person.has_password else "",
        ]
        for person in persons
    ]
    tell(result, table(["name", "role", "account"], rows))


def remove(name: Name) -> None:
    """Forget somebody: signed out at once; their labels keep their name."""
    from fewshot_lab import accounts

    accounts.remove(name)
    tell({"removed": name}, f"{name} is signed out and can no longer sign in.")


def journal(out: CsvOut = None) -> None:
    """Write who signed in or failed to, invitations, and projects made and deleted, as CSV."""
    from fewshot_lab.accounts import server_journal

    tell_journal(server_journal(), out)


def verify() -> None:
    """Say whether the server's journal was changed behind the app's back, and where."""
    from fewshot_lab.accounts import verify_server_journal

    number, problems = verify_server_journal()
    result = {"sound": not problems, "entries": number, "problems": problems}
    text = "\n".join(problems) or f"Nothing was changed: {number:,} entries of the journal."
    tell(result, text)
    if problems:
        raise typer.Exit(1)


def members(
    project: ProjectName,
    add: Annotated[
        list[str] | None, option("Give a person a role; may be repeated.", metavar="NAME=ROLE")
    ] = None,
    remove: Annotated[
        list[str] | None, option("Remove a person; may be repeated.", metavar="NAME")
    ] = None,
) -> None:
    """List or change who may do what in a project: reader, annotator, senior or owner."""
    from fewshot_lab import accounts

    changes: list[tuple[str, str | None]] = []
    for text in add or []:
        name, _, role = text.rpartition("=")
        if role not in accounts.ROLES or not name:
            roles = ", ".join(accounts.ROLES)
            raise FewshotLabError(f"Write NAME=ROLE with one of {roles}; {text!r} is not.")
        changes.append((accounts.checked_name(name), role))
    with open_project(project) as opened:
        there = opened.store.members()
        for name in remove or []:
            if name not in there:
                raise FewshotLabError(f"{name!r} is not a member of {project}.")
            changes.append((name, None))
        for name, new_role in changes:
            opened.store.set_member(name, new_role)
        now = opened.store.members()
    if not now:
        tell({"members": now}, f"{project} has no members; administrators see it.")
        return
    rows = [[name, role] for name, role in now.items()]
    tell({"members": now}, table(["name", "role"], rows))


people.command()(invite)
people.command()(administrator)
people.command(name="list")(list_people)
people.command()(remove)
people.command()(journal)
people.command()(verify)
app.add_typer(people)
app.command()(members)
