"""Who may ask the app for what: hosts, other websites, and bodies that make no sense."""

import json
import logging
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocket

from fewshot_lab.live import forget, page_state_of
from fewshot_lab.project import Project
from fewshot_lab.web import Door, api_url, routes

OURS = {"X-Fewshot": "1"}
API = api_url("cells")


@pytest.fixture(scope="module")
def project(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    patch = pytest.MonkeyPatch()
    home = tmp_path_factory.mktemp("door")
    patch.setenv("FEWSHOT_LAB_HOME", str(home))
    shutil.copytree(template, home / "cells")
    with Project.open("cells") as opened:
        yield opened
    forget("cells")
    patch.undo()


def app(base: str = "", **door: Any) -> Starlette:
    async def page(_: Any) -> PlainTextResponse:
        return PlainTextResponse("page")

    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    further = [Route("/label", page), WebSocketRoute("/stream", socket)]
    return Starlette(routes=[*routes(base), *further], middleware=[Middleware(Door, **door)])


def at(host: str, **door: Any) -> TestClient:
    return TestClient(app(**door), base_url=f"http://{host}", raise_server_exceptions=False)


@pytest.fixture
def client(project: Project) -> TestClient:
    return at("localhost:8501")


ROUTES = ["/label", f"{API}/live?hold=0", f"{API}/history", f"{API}/labels.csv", f"{API}/search"]


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("host", ["evil.test", "evil.test:8501", "localhost.evil.test", ""])
def test_a_name_that_was_pointed_here_is_not_answered(
    project: Project, path: str, host: str
) -> None:
    answer = at("localhost").get(path, headers={"Host": host})
    assert answer.status_code == 403
    assert "--allow-host" in answer.text
    with (
        pytest.raises(WebSocketDenialResponse),
        at("evil.test").websocket_connect("ws://evil.test/stream"),
    ):
        pass


@pytest.mark.parametrize(
    "host", ["localhost:8501", "127.0.0.1:8501", "[::1]:8501", "192.168.1.5", "lab.example:80"]
)
def test_loopback_addresses_and_the_name_that_serve_was_given_work(
    project: Project, host: str
) -> None:
    client = at(host, address="lab.example")
    assert client.get(f"{API}/history").status_code == 200
    # Starlette's client cannot connect a WebSocket to an address of IPv6.
    if "[" not in host:
        with client.websocket_connect(f"ws://{host}/stream"):
            pass


def test_named_hosts_are_the_only_ones(project: Project) -> None:
    hosts = ["lab.example.org", "*.clinic.example"]
    for host, status in {
        "lab.example.org": 200, "a.clinic.example:8501": 200, "clinic.example": 403,
        "localhost": 403, "10.0.0.1": 403,
    }.items():  # fmt: skip
        assert at(host, hosts=hosts).get("/label").status_code == status


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_website_can_neither_read_nor_stall(client: TestClient, site: str) -> None:
    image = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
    link = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    framed = link | {"Sec-Fetch-Dest": "iframe"}
    for path in ROUTES:
        assert client.get(path, headers=image).status_code == 403
        assert client.get(path, headers=framed).status_code == 403
    assert client.get("/label", headers=link).status_code == 200  # a link in a mail
    assert client.get(f"{API}/labels.csv", headers=link).status_code == 403


def test_no_page_may_be_framed_sniffed_or_told_of_elsewhere(client: TestClient) -> None:
    for path in ROUTES:
        headers = client.get(path).headers
        assert "frame-ancestors 'self'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cross-origin-resource-policy"] == "same-origin"


def test_routes_lie_below_the_base_path(project: Project) -> None:
    client = TestClient(app("lab/"), base_url="http://localhost")
    assert client.get(f"/lab{API}/history").status_code == 200
    assert client.get(f"{API}/history").status_code == 404
    answer = client.get("/lab/map?project=a", follow_redirects=False)
    assert answer.headers["location"] == "./label?project=a"


@pytest.mark.parametrize("origin", ["http://[", "null", "::::", "http://a:b:c", "", "\x7f//"])
def test_odd_origins_are_refused_without_a_traceback(
    client: TestClient, origin: str, caplog: pytest.LogCaptureFixture
) -> None:
    body = {"annotator": "kim", "actions": []}
    answer = client.post(f"{API}/actions", json=body, headers={**OURS, "Origin": origin})
    assert answer.status_code == 403
    assert not caplog.records


def label(project: Project, q: int, **more: Any) -> dict[str, Any]:
    image = project.store.ids()[q]
    return {
        "client": "door", "q": q, "do": "label", "kind": "unsure", "class_id": None,
        "images": image, "view": "grid", **more,
    }  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        {"spent_ms": "x"}, {"spent_ms": -1}, {"spent_ms": 1.5}, {"spent_ms": 10**20},
        {"view": "<b>"}, {"view": "v" * 20_000}, {"annotator": "n" * 20_000},
        {"annotator": "a\0b"}, {"strategy": "s" * 20_000}, {"kind": "said"}, {"machine": "yes"},
        {"class_id": "1"}, {"class_of": ["1"]}, {"class_of": [1, 2]}, {"images": 7},
        {"shown": [[1], ["x"]]}, {"shown": [[1], [2.0]]}, {"shown": [[1]]}, {"shown": "x"},
    ],
)  # fmt: skip
def test_an_action_of_other_types_is_told_and_not_stored(
    client: TestClient, project: Project, wrong: dict[str, Any]
) -> None:
    before = project.store.position()
    batch = [label(project, 1, **wrong), {"client": "door", "q": 2, "do": "x"}]
    answer = client.post(
        f"{API}/actions", json={"annotator": "kim", "actions": batch}, headers=OURS
    )
    assert answer.status_code == 200
    acks = answer.json()["acks"]
    assert [ack["q"] for ack in acks] == [1, 2]
    assert all(ack["error"].endswith(".") and len(ack["error"]) < 400 for ack in acks)
    assert project.store.position() == before


BODIES = {
    "deep": b"[" * 100_000,
    "deep value": b'{"annotator":"k","actions":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "infinity": b'{"annotator":"k","actions":[{"client":"c","q":1e999}]}',
    "nan": b'{"annotator":"k","actions":[{"client":"c","q":NaN}]}',
    "half a letter": b'{"annotator":"\\ud800","actions":[]}',
    "not UTF-8": b'{"annotator":"\xff","actions":[]}',
    "long name": b'{"annotator":"' + b"n" * 20_000 + b'","actions":[]}',
    "no list": b'{"annotator":"k","actions":{}}',
    "many": json.dumps({"annotator": "k", "actions": [{}] * 501}).encode(),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_a_hostile_body_gets_a_sentence_and_leaves_no_traceback(
    client: TestClient, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    for path in ("actions", "classes", "settings", "backbone", "jobs"):
        answer = client.post(f"{API}/{path}", content=body, headers=OURS)
        assert answer.status_code == 400
        assert answer.json()["error"].endswith(".")
        assert len(answer.content) < 500
    assert not caplog.records


def test_no_more_of_a_large_body_is_read_than_the_limit(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fewshot_lab.web.guard.LARGEST_BODY", 10_000)
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(1000):
            sent += 1000
            yield b" " * 1000

    answer = client.post(f"{API}/actions", content=endless(), headers=OURS)
    assert answer.status_code == 413
    assert "larger" in answer.json()["error"]


def test_fuzzed_queries_are_answered_with_sentences(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever the query, no 5xx and no traceback."""
    dice = random.Random(0)
    odd = [
        "",
        "x",
        "-1",
        "1e9",
        "nan",
        "inf",
        "9" * 30,
        "\0",
        "é",
        "a" * 5000,
        "@group",
        "@flag",
        "@annotator",
        "0",
        "[1]",
    ]
    names = {
        "live": ["rev", "labels", "images", "map", "overview", "annotator"],
        "history": ["before", "annotator"], "labels.csv": ["at"], "search": ["text"],
        "column": ["name"], "disagreement": ["what", "row", "column", "a", "b"],
        "image/x/neighbours": ["k", "unlabelled"], "image/x": ["annotator"], "thumb/x": [],
        "picture/" + "0" * 20: [],
    }  # fmt: skip
    for path, keys in names.items():
        for _ in range(12):
            query = {key: dice.choice(odd) for key in keys if dice.random() < 0.7}
            if path == "live":
                query["hold"] = dice.choice(["0", "-1", "nan" if dice.random() < 0.05 else "0"])
            answer = client.get(f"{API}/{path}", params=query)
            assert answer.status_code in (200, 400, 404), (path, query, answer.text)
    assert [r for r in caplog.records if r.levelno >= logging.ERROR] == []


@pytest.mark.slow
def test_a_full_disk_is_told_as_such_and_the_same_label_is_taken_later(
    client: TestClient, project: Project
) -> None:
    """The browser keeps what gets a 503 and sends it again; what is acknowledged it forgets."""
    engine = page_state_of("cells").project.store._database.engine

    def send(client_name: str) -> Any:
        action = label(project, 5, client=client_name)
        return client.post(
            f"{API}/actions", json={"annotator": "kim", "actions": [action]}, headers=OURS
        )

    def fill(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA max_page_count = 1")  # no page more than there are

    event.listen(engine, "connect", fill)
    engine.dispose()
    try:
        for number in range(500):
            answer = send(f"full {number}")
            if answer.status_code != 200 or "error" in answer.json()["acks"][0]:
                break
        assert answer.status_code == 503
        assert "full" in answer.json()["error"]
    finally:
        event.remove(engine, "connect", fill)
        engine.dispose()
    ack = send(f"full {number}").json()["acks"][0]
    assert "error" not in ack
    assert project.store.position() == ack["position"]
