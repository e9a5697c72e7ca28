"""Who is there, and who may do what: sign-in, sessions, roles, the server's journal."""

from fewshot_lab.accounts.people import (
    SHORTEST_PASSWORD,
    accept,
    check_password,
    checked_name,
    invite,
    invited,
    is_administrator,
    known_people,
    remove,
    set_administrator,
)
from fewshot_lab.accounts.records import note, server_journal, verify_server_journal
from fewshot_lab.accounts.roles import (
    ACTIONS,
    ANYBODY,
    JOB_ACTIONS,
    PAGE_ACTIONS,
    ROLES,
    Role,
    Visitor,
    allowed,
    must_be_allowed,
)
from fewshot_lab.accounts.sessions import adopt, begin, end, key_of, name_of
from fewshot_lab.accounts.settings import SignIn, check_exposure, sign_in
