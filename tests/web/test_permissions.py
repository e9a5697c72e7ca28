"""With sign-in on: every route and page, tried by whoever must not."""

import shutil
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from argon2 import PasswordHasher
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse

from fewshot_lab import accounts
from fewshot_lab.accounts import (
    ACTIONS,
    PAGE_ACTIONS,
    ROLES,
    Role,
    allowed,
    must_be_allowed,
    people,
)
from fewshot_lab.errors import Forbidden
from fewshot_lab.live import forget
from fewshot_lab.project import Project
from fewshot_lab.ui.pages import PAGES
from fewshot_lab.web import Door, Identity, routes

API = "/fewshot/api/{project}"
PASSWORD = "correct horse battery"
OURS = {"X-Fewshot": "1", "Accept": "application/json"}
OPEN = {"/fewshot/sign-in", "/fewshot/sign-out", "/fewshot/invitation", "/fewshot/health"}
"""What nobody has to be known for."""
KNOWN = {
    *(f"/{word}" for word in ("projects", "home", "map", "runs", "backbones")),
    "/projects/{name}",
    "/fewshot/plotly-{version}.min.js",
    "/fewshot/workspace/{revision}/{name}",
}
"""What everybody may have who is signed in: the app's own code, and other words for pages."""
TABLE = [route for route in routes() if isinstance(route, Route)]
OF_PROJECT = [route for route in TABLE if route.path.startswith(API)]

PEOPLE = {"Anna": None, "Rea": "reader", "Ann": "annotator", "Sam": "senior", "Olga": "owner"}
"""Members of the project "cells"; Anna administers the server, Zoe is annotator of another one."""


@pytest.fixture(scope="module")
def home(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    patch = pytest.MonkeyPatch()
    patch.setattr(people, "_hasher", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    folder = tmp_path_factory.mktemp("home")
    patch.setenv("FEWSHOT_LAB_HOME", str(folder))
    patch.setenv("FEWSHOT_LAB_SIGN_IN", "accounts")
    for name in ("cells", "other"):
        shutil.copytree(template, folder / name)
    for name in (*PEOPLE, "Zoe"):
        accounts.accept(accounts.invite(name, administrator=name == "Anna"), PASSWORD)
    with Project.open("cells") as cells, Project.open("other") as other:
        for name, role in PEOPLE.items():
            if role:
                cells.store.set_member(name, role)
        other.store.set_member("Zoe", "annotator")
    yield folder
    forget("cells")
    forget("other")
    patch.undo()


@pytest.fixture(scope="module")
def app(home: Path) -> Starlette:
    async def page(_: Any) -> PlainTextResponse:
        return PlainTextResponse("page")

    async def socket(websocket: Any) -> None:
        await websocket.accept()
        await websocket.send_text(websocket.headers["x-fewshot-visitor"])
        await websocket.close()

    further = [Route("/label", page), WebSocketRoute("/_stcore/stream", socket)]
    middleware = [Middleware(Door), Middleware(Identity, settings=accounts.sign_in())]
    return Starlette(routes=[*routes(), *further], middleware=middleware)


def as_nobody(app: Starlette) -> TestClient:
    return TestClient(app, "http://localhost", follow_redirects=False)


@pytest.fixture(scope="module")
def signed_in(app: Starlette) -> dict[str, TestClient]:
    clients = {}
    for name in (*PEOPLE, "Zoe"):
        clients[name] = as_nobody(app)
        form = {"name": name, "password": PASSWORD, "next": "/label"}
        answer = clients[name].post("/fewshot/sign-in", data=form)
        assert (answer.status_code, answer.headers["location"]) == (303, "/label")
    return clients


def ask(client: TestClient, route: Route, project: str = "cells", **headers: str) -> Any:
    values = defaultdict(lambda: "1", project=project, image="0" * 20, name="x")
    path = route.path.format_map(values)
    method = "POST" if "POST" in (route.methods or ()) else "GET"
    body = {"json": {}} if method == "POST" else {}
    return client.request(method, f"{path}?hold=0", headers={**OURS, **headers}, **body)


def test_every_route_has_a_rule() -> None:
    without = {route.path for route in TABLE} - {route.path for route in OF_PROJECT}
    assert without <= OPEN | KNOWN, "say who may ask: a route of a project, or one of these lists"
    for route in OF_PROJECT:
        assert getattr(route.endpoint, "action", None) in ACTIONS, route.path


def test_every_page_has_a_rule() -> None:
    assert PAGES.keys() == PAGE_ACTIONS.keys()
    assert {action for pair in PAGE_ACTIONS.values() for action in pair if action} <= set(ACTIONS)


@pytest.mark.slow
@pytest.mark.parametrize("route", TABLE, ids=lambda route: route.path)
def test_nobody_gets_in_without_signing_in(app: Starlette, route: Route) -> None:
    if route.path in OPEN:
        assert as_nobody(app).get(route.path).status_code not in (401, 403)
        return
    forged = {"X-Fewshot-Visitor": "Anna", "X-Forwarded-User": "Anna"}
    for headers in ({}, forged, {"Cookie": "fewshot_session=0"}):
        answer = ask(as_nobody(app), route, **headers)
        assert answer.status_code == 401 and "signed out" in answer.json()["error"]


@pytest.mark.parametrize("route", OF_PROJECT, ids=lambda route: route.path)
def test_a_role_may_what_the_table_says(signed_in: dict[str, TestClient], route: Route) -> None:
    least = ACTIONS[route.endpoint.action][0]
    for name, word in PEOPLE.items():
        role = ROLES[word] if word else Role.ADMINISTRATOR
        answer = ask(signed_in[name], route)
        assert answer.status_code not in (401, 404, 500), answer.text
        assert (answer.status_code == 403) == (role < least), (name, answer.text)
        if role < least:
            assert "Only a" in answer.json()["error"]


@pytest.mark.parametrize("route", OF_PROJECT, ids=lambda route: route.path)
def test_another_projects_annotator_learns_nothing(
    signed_in: dict[str, TestClient], route: Route
) -> None:
    there, nowhere = (ask(signed_in["Zoe"], route, name) for name in ("cells", "nowhere"))
    assert there.status_code == nowhere.status_code == 403
    assert there.text == nowhere.text  # not even which projects there are


@pytest.mark.parametrize("path", [route.path for route in TABLE if "POST" in (route.methods or ())])
def test_whoever_goes_before_the_body_is_read_leaves_no_traceback(
    app: Starlette, path: str
) -> None:
    token = accounts.begin("Anna").encode()
    headers = [
        (b"host", b"localhost"),
        (b"x-fewshot", b"1"),
        (b"cookie", b"fewshot_session=" + token),
    ]
    scope = {
        "type": "http", "http_version": "1.1", "method": "POST", "headers": headers,
        "path": path.format(project="cells"), "query_string": b"",
    }  # fmt: skip
    asked = []

    async def gone() -> dict[str, Any]:
        asked.append(path)
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        raise AssertionError(message)

    anyio.run(app, scope, gone, send)
    assert asked


def test_pages_and_sockets_lead_to_the_sign_in(
    app: Starlette, signed_in: dict[str, TestClient]
) -> None:
    answer = as_nobody(app).get("/label?project=cells", headers={"Accept": "text/html"})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/fewshot/sign-in?next=%2Flabel%3Fproject%3Dcells"
    assert signed_in["Rea"].get("/label").text == "page"
    with signed_in["Rea"].websocket_connect("ws://localhost/_stcore/stream") as socket:
        assert socket.receive_text() == "Rea"
    with (
        pytest.raises(WebSocketDenialResponse),
        as_nobody(app).websocket_connect("ws://localhost/_stcore/stream"),
    ):
        pass


def test_the_annotator_is_who_signed_in(signed_in: dict[str, TestClient]) -> None:
    with Project.open("cells") as project:
        class_id = project.store.add_class("a", annotator="x", client="c", q=1)
        image = project.store.ids()[0]
    action = {
        "client": "b", "q": 1, "do": "label", "kind": "class", "class_id": class_id,
        "images": image, "view": "grid",
    }  # fmt: skip
    url = API.format(project="cells") + "/actions"

    def send(by: str, **more: Any) -> Any:
        body = {"annotator": by, "actions": [action | more]}
        return signed_in["Ann"].post(url, json=body, headers=OURS)

    for refused in (send("Sam"), send("Ann", annotator="Sam")):
        assert refused.status_code == 403 and "until Sam signs in" in refused.json()["error"]
    assert send("Ann", view="adjudication").status_code == 403
    assert "error" not in send("Ann").json()["acks"][0]
    with Project.open("cells") as project:
        assert project.store.labels()[image].annotator == "Ann"
        project.store.set_member("Ann", None)  # while labelling
    forget("cells")
    removed = send("Ann", q=2)
    assert removed.status_code == 403 and "not a member" in removed.json()["error"]  # kept there
    with Project.open("cells") as project:
        project.store.set_member("Ann", "annotator")


def test_a_project_lies_in_the_home(
    signed_in: dict[str, TestClient], template: Path, tmp_path: Path
) -> None:
    shutil.copytree(template, tmp_path / "elsewhere")
    for route in OF_PROJECT:
        for name in (f"%2F{str(tmp_path / 'elsewhere').strip('/')}", "..%2Fother"):
            path = route.path.replace("{project}", name).replace("{image}", "0" * 20)
            assert signed_in["Anna"].get(path, headers=OURS).status_code in (400, 404, 405)
    with pytest.raises(Exception, match="no project named"):
        __import__("fewshot_lab.live").live.page_state_of(str(tmp_path / "elsewhere"))


def test_wrong_passwords_are_few(app: Starlette, home: Path) -> None:
    client = as_nobody(app)

    def attempt(name: str, password: str) -> tuple[int, str]:
        answer = client.post("/fewshot/sign-in", data={"name": name, "password": password})
        return answer.status_code, answer.text

    known, unknown = attempt("Zoe", "x"), attempt("Nobody", "x")
    assert known[0] == unknown[0] == 401 and "not right" in known[1] and "not right" in unknown[1]
    for _ in range(9):
        attempt("Zoe", "x")
    code, text = attempt("Zoe", PASSWORD)
    assert code == 429 and "try again in" in text
    other = {"name": "Sam", "password": PASSWORD}
    refused = client.post("/fewshot/sign-in", data=other, headers={"Origin": "http://evil.test"})
    assert refused.status_code == 403
    away = client.post("/fewshot/sign-in", data={**other, "next": "//evil.test"})
    assert away.headers["location"] == "/"
    assert "HttpOnly" in away.headers["set-cookie"] and "SameSite=lax" in away.headers["set-cookie"]
    events = [(entry.who, entry.what) for entry in accounts.server_journal()]
    assert ("Zoe", "sign-in failed") in events and ("Sam", "sign-in") in events
    assert accounts.verify_server_journal()[1] == []


def test_an_invitation_holds_once(app: Starlette, home: Path) -> None:
    client = as_nobody(app)
    token = accounts.invite("Neo")
    assert "Welcome, Neo" in client.get(f"/fewshot/invitation?token={token}").text
    form = {"token": token, "name": "Neo", "password": "short", "again": "short"}
    assert "12 characters" in client.post("/fewshot/invitation", data=form).text
    form |= {"password": PASSWORD, "again": PASSWORD}
    assert client.post("/fewshot/invitation", data=form).status_code == 303
    assert "already used" in client.post("/fewshot/invitation", data=form).text
    assert client.get("/label").text == "page"
    accounts.remove("Neo")
    assert client.get("/label", headers=OURS).status_code == 401
    late = accounts.invite("Late", days=-1)
    assert "has expired" in client.get(f"/fewshot/invitation?token={late}").text


def test_a_session_ends(app: Starlette, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fewshot_lab.accounts import sessions

    key = accounts.key_of(token := accounts.begin("Sam"))
    now = sessions.time.time()
    monkeypatch.setattr(sessions.time, "time", lambda: now + 20 * 60)
    assert accounts.name_of(key, 1800, touch=False) == "Sam"  # a page that listens by itself
    monkeypatch.setattr(sessions.time, "time", lambda: now + 40 * 60)
    assert accounts.name_of(key, 1800) is None
    monkeypatch.undo()
    token = accounts.begin("Sam")
    client = as_nobody(app)
    client.cookies.set("fewshot_session", token)
    assert client.get("/label").text == "page"
    client.get("/fewshot/sign-out")
    client.cookies.set("fewshot_session", token)  # whoever kept it has nothing
    assert client.get("/label", headers=OURS).status_code == 401


def test_the_table_in_words() -> None:
    must_be_allowed(Role.OWNER, "delete")
    with pytest.raises(Forbidden, match="Only an owner may delete this project; you are senior"):
        must_be_allowed(Role.SENIOR, "delete")
    with pytest.raises(Forbidden, match="Only an administrator of this server may make a project"):
        must_be_allowed(Role.OWNER, "create")
    assert not allowed(None, "look")
