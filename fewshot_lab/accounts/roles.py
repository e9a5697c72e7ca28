"""Who may do what: one table, kept to by routes, pages and downloads alike."""

from dataclasses import dataclass
from enum import IntEnum

from fewshot_lab.errors import Forbidden


class Role(IntEnum):
    """What somebody is in a project; each may do what those before it may."""

    READER = 1
    ANNOTATOR = 2
    SENIOR = 3
    OWNER = 4
    ADMINISTRATOR = 5
    """Of the server, and so in every project."""

    @property
    def word(self) -> str:
        """The role as people read and type it."""
        return self.name.lower()


ROLES = {role.word: role for role in Role if role is not Role.ADMINISTRATOR}
"""What a project's members can be."""

# What is done in a project: the least role for it, and its words after "may".
ACTIONS: dict[str, tuple[Role, str]] = {
    "look": (Role.READER, "look at this project"),
    "label": (Role.ANNOTATOR, "label"),
    "decide": (Role.SENIOR, "decide where others differ"),
    "compare": (Role.SENIOR, "compare what others have said"),
    "classes": (Role.SENIOR, "change the classes"),
    "prepare": (Role.SENIOR, "start or stop work on this project"),
    "measure": (Role.SENIOR, "change how this project is measured"),
    "export": (Role.SENIOR, "take labels, figures or a classifier out of this project"),
    "import": (Role.OWNER, "bring in images"),
    "report": (Role.OWNER, "write or send reports that name patients"),
    "settings": (Role.OWNER, "change the settings of this project"),
    "pretrain": (Role.OWNER, "pretrain on the images of this project"),
    "members": (Role.OWNER, "say who may do what in this project"),
    "delete": (Role.OWNER, "delete this project"),
    # Beyond one project.
    "create": (Role.ADMINISTRATOR, "make a project"),
    "browse": (Role.ADMINISTRATOR, "use any file of this server"),
    "slurm": (Role.ADMINISTRATOR, "write further lines of job.sbatch"),
}

# The pages: the least role to open one is that of the first action; what is changed on it needs
# the second. None: no project is needed to open it.
PAGE_ACTIONS: dict[str, tuple[str | None, str]] = {
    "projects": (None, "settings"),
    "import": ("import", "import"),
    "label": ("look", "label"),
    "slides": ("look", "export"),
    "evaluate": ("look", "measure"),
    "export": ("export", "export"),
    "predict": (None, "look"),
    "pretrain": ("pretrain", "pretrain"),
    "backbone": ("look", "settings"),
    "members": ("members", "members"),
    "glossary": (None, "look"),
}

# What a job of each verb is; one that is not named here counts as "measure".
JOB_ACTIONS = {
    "import": "import",
    "pacs-fetch": "import",
    "demo": "import",
    "prepare": "prepare",
    "embed": "prepare",
    "map": "prepare",
    "export": "export",
    "report": "export",
    "exchange-out": "export",
    "slides-out": "export",
    "exchange-in": "import",
    "pacs-report": "report",
    "predict-dropped": "look",
}


@dataclass(frozen=True)
class Visitor:
    """Whoever asks: the name that was signed in, and whether it administers the server.

    Where nobody signs in there is one visitor, without a name, who may do everything.
    """

    name: str | None
    administrator: bool = False


ANYBODY = Visitor(None, administrator=True)
"""Everybody, where nobody signs in."""


def allowed(role: Role | None, action: str) -> bool:
    """Say whether somebody of a role (None: no member) may do something."""
    return role is not None and role >= ACTIONS[action][0]


def must_be_allowed(role: Role | None, action: str) -> None:
    """Refuse what somebody of a role may not do.

    Raises
    ------
    Forbidden
    """
    if allowed(role, action):
        return
    least, words = ACTIONS[action]
    if role is None and least is not Role.ADMINISTRATOR:
        raise Forbidden(
            "You are not a member of a project of this name: ask its owner, or an administrator "
            "of this server, to add you."
        )
    if least is Role.ADMINISTRATOR:
        raise Forbidden(f"Only an administrator of this server may {words}.")
    *others, last = [each.word for each in ROLES.values() if each >= least]
    who = f"{', '.join(others)} or {last}" if others else last
    article = "an" if who[0] in "aeiou" else "a"
    raise Forbidden(
        f"Only {article} {who} may {words}; you are {role.word if role else 'not a member'} here."
    )
