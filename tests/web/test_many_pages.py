"""Many pages that listen at a time: packed once, and never in the way of a label."""

import gc
import shutil
import sys
import time
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import anyio
import httpx
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from fewshot_lab.live import forget, page_state_of
from fewshot_lab.project import Project
from fewshot_lab.store import Team
from fewshot_lab.web import api_url, routes, unpack

live = sys.modules["fewshot_lab.web.live"]  # the package's own name for it is the route's
API = f"http://localhost{api_url('cells')}"


@pytest.fixture
def project(template: Path, home: Path) -> Iterator[Project]:
    shutil.copytree(template, home / "cells")
    with Project.open("cells") as project:
        yield project
    forget("cells")


@pytest.fixture
def packed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Count what is packed, by who asked."""
    asked: list[str] = []
    difference = live.PageContents._difference

    def counted(contents, have):
        asked.append(contents.annotator)
        time.sleep(0.02)
        return difference(contents, have)

    monkeypatch.setattr(live.PageContents, "_difference", counted)
    monkeypatch.setattr(live, "BEAT", 5.0)  # however slow the machine, one beat
    return asked


def listen_at_once(n: int) -> list[dict]:
    state = page_state_of("cells")

    def page(number: int) -> dict:
        return unpack(live._wait(state, {"annotator": f"a{number}", "hold": "0"}).body)[0]

    with ThreadPoolExecutor(n) as pool:
        return list(pool.map(page, range(n)))


def test_pages_that_see_the_same_share_one_message(project: Project, packed: list[str]) -> None:
    heads = listen_at_once(20)
    assert all(head == heads[0] for head in heads) and heads[0]["images"]["n"]
    assert len(packed) <= 3  # a beat may end meanwhile, and the first snapshot come


def test_whoever_sees_something_else_gets_a_message_of_their_own(
    project: Project, packed: list[str]
) -> None:
    project.store.set_team(Team(annotators=("a0", "a1"), split=True), "lead")
    listen_at_once(3)
    assert {"a0", "a1", "a2"} <= set(packed)


def test_what_the_classifier_says_is_made_once_for_all_that_lack_it(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = page_state_of("cells")
    contents = sys.modules[live.PageContents.__module__]
    model_head = contents.model_head
    made: list[int] = []

    def counted(state, snapshot, visibility):
        made.append(snapshot.rev)
        return model_head(state, snapshot, visibility)

    monkeypatch.setattr(contents, "model_head", counted)
    monkeypatch.setattr(live, "BEAT", 1e-6)  # a moment of its own for each page
    heads = [unpack(live._wait(state, {"rev": f"0.{k}", "hold": "0"}).body)[0] for k in range(1, 9)]
    assert all(head["model"] and head["rev"] for head in heads)
    assert len(made) == len(set(made)) < 8


def test_what_pages_are_answered_from_goes_with_the_project(project: Project) -> None:
    state = page_state_of("cells")
    live._wait(state, {"hold": "0"})
    kept = weakref.ref(state)
    forget("cells")
    del state
    gc.collect()
    assert kept() is None


def test_a_message_is_the_same_zipped_or_not(project: Project) -> None:
    with TestClient(Starlette(routes=routes()), "http://localhost") as client:
        plain, zipped = (
            client.get(f"{API}/live?hold=0", headers={"Accept-Encoding": how})
            for how in ("identity", "gzip")
        )
    assert "Content-Encoding" not in plain.headers
    assert (zipped.headers["Content-Encoding"], zipped.headers["Vary"]) == (
        "gzip",
        "Accept-Encoding",
    )
    assert unpack(zipped.content)[0]["images"] == unpack(plain.content)[0]["images"]


def test_where_many_listen_those_who_do_nothing_are_asked_to_come_later(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = page_state_of("cells")
    now = [1000.0]
    monkeypatch.setattr(live.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(live, "_away", [])

    def later(**more: str) -> float | None:
        return live._later(state, {"annotator": "kim", "overview": "x"} | more)

    assert later() is None  # few listen
    monkeypatch.setattr(live, "MANY", 2)
    live._away.extend([1003.0, 1004.0, 1005.0])
    assert later(overview="") is None  # has not got all yet
    assert live.LATER[0] <= (later() or 0) <= live.LATER[1]
    assert len(live._away) == 4
    monkeypatch.setattr(live, "AWAY", 2)
    assert 2 * live.LATER[0] <= (later() or 0) <= 2 * live.LATER[1]  # of four that are away
    assert len(live._away) == 5
    state.acted_at["kim"] = now[0]
    assert later() is None
    now[0] += 2 * live.QUIET
    assert later() is None  # those who were away are back, and nobody else listens
    assert live._away == []


def test_a_page_that_was_told_to_come_later_has_what_is_new(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MANY", -1)

    async def go() -> tuple[httpx.Response, httpx.Response]:
        transport = httpx.ASGITransport(Starlette(routes=routes()))
        async with httpx.AsyncClient(transport=transport, timeout=60) as client:
            first = await client.get(f"{API}/live?hold=0")
            return first, await client.get(f"{API}/live?overview=x")

    first, second = anyio.run(go)
    assert "X-Fewshot-Later" not in first.headers
    shortest, longest = live.LATER
    assert shortest <= float(second.headers["X-Fewshot-Later"]) <= longest
    assert unpack(second.content)[0]["images"]["n"]


def test_a_label_does_not_queue_behind_a_hundred_waiting_pages(project: Project) -> None:
    image = project.store.ids()[0]
    action = {
        "client": "c",
        "q": 1,
        "do": "label",
        "kind": "unsure",
        "images": image,
        "view": "grid",
    }
    body = {"annotator": "kim", "actions": [action]}

    async def go() -> float:
        anyio.to_thread.current_default_thread_limiter().total_tokens = 4
        transport = httpx.ASGITransport(Starlette(routes=routes()))
        async with httpx.AsyncClient(transport=transport, timeout=60) as client:
            first = await client.get(f"{API}/live?hold=0")
            head = unpack(first.content)[0]
            have = {
                "rev": head["rev"], "labels": head["labels"]["version"],
                "images": head["images"]["n"], "map": head["map"]["version"],
                "overview": head["overview"]["stamp"], "hold": 2,
            }  # fmt: skip
            async with anyio.create_task_group() as group:
                for _ in range(100):
                    group.start_soon(lambda: client.get(f"{API}/live", params=have))
                await anyio.sleep(0.3)
                began = time.monotonic()
                answer = await client.post(f"{API}/actions", json=body, headers={"X-Fewshot": "1"})
                took = time.monotonic() - began
                assert "error" not in answer.json()["acks"][0]
                group.cancel_scope.cancel()
        return took

    assert anyio.run(go) < 1.5
    assert "kim" in page_state_of("cells").acted_at
