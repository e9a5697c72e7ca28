"""Thousands of hostile requests over every route, signed in and not: no 5xx, nothing unreadable.

    python benchmarks/fuzz_routes.py [--requests 10000] [--wire 500] [--seed 0]

The routes are those of the app's own table, and the bodies follow the routes' own schemas, or do
not: so a new route is asked too. Asked as nobody, as reader, annotator, senior and owner, as an
administrator, and once more with sign-in off. Then some by a socket to a real server, with requests
that no HTTP library would send. After each part whatever reads the project must work: live page,
history, columns, facts of every image, people, labels and predictions as CSV, all pages of the
app, both chains. Jobs
are not started: a request for one ends where it would be.
"""

import argparse
import collections
import csv
import logging
import os
import random
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import uvicorn  # noqa: E402
from _hostile import METHODS, Hostile, schema_of  # noqa: E402
from PIL import Image  # noqa: E402
from slides import draw  # noqa: E402
from starlette.applications import Starlette  # noqa: E402
from starlette.middleware import Middleware  # noqa: E402
from starlette.routing import Route  # noqa: E402
from starlette.testclient import TestClient  # noqa: E402

from fewshot_lab import accounts  # noqa: E402
from fewshot_lab.cells import text_cells  # noqa: E402
from fewshot_lab.errors import FewshotLabError  # noqa: E402
from fewshot_lab.export import labels_csv, opinions_csv, predictions_csv  # noqa: E402
from fewshot_lab.images import Tiling, TissueRule  # noqa: E402
from fewshot_lab.images.demo import draw_demo  # noqa: E402
from fewshot_lab.live import page_state_of, slide_index  # noqa: E402
from fewshot_lab.project import Project  # noqa: E402
from fewshot_lab.ui.pages import PAGES  # noqa: E402
from fewshot_lab.web import Door, Identity, api_url, routes, unpack  # noqa: E402
from tests.dicom_series import write_phantom  # noqa: E402

PEOPLE = {"Rea": "reader", "Ann": "annotator", "Sam": "senior", "Olga": "owner", "Anna": None}
PASSWORD = "correct horse battery"
SLOW = 2.0
API = api_url("cells")


class ErrorLog(logging.Handler):
    """Keeps whatever the server would write into its log as an error."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.records: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep an error, or anything that carries a traceback."""
        if record.levelno >= logging.ERROR or record.exc_info:
            self.records.append(logging.Formatter().format(record)[-1500:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--wire", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--port", type=int, default=0)
    arguments = parser.parse_args()
    errors = ErrorLog()
    for name in (None, "uvicorn", "uvicorn.error"):  # these hand nothing up
        logging.getLogger(name).addHandler(errors)
    problems: list[str] = []
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        hostile = prepare(Path(folder), arguments.seed)
        for way, share in (("accounts", 0.8), ("off", 0.2)):
            os.environ["FEWSHOT_LAB_SIGN_IN"] = way
            problems += in_process(hostile, round(share * arguments.requests), way)
            problems += unreadable(hostile.image_ids)
        os.environ["FEWSHOT_LAB_SIGN_IN"] = "accounts"
        problems += over_a_socket(hostile, arguments.wire, arguments.port)
        problems += unreadable(hostile.image_ids)
    problems += [f"in the log: {record}" for record in errors.records]
    print(f"{time.monotonic() - began:.0f} s; {len(problems)} problems")
    for problem in problems[:40]:
        print("---", problem)
    sys.exit(1 if problems else 0)


def prepare(folder: Path, seed: int) -> Hostile:
    """Make a home with two projects and people of every role; no job is ever started in it."""
    from fewshot_lab import jobs

    def refused(*_: Any, **__: Any) -> None:
        raise FewshotLabError("No work is started here.")

    jobs.start = refused
    os.environ |= {"FEWSHOT_LAB_HOME": str(folder / "home"), "FEWSHOT_LAB_QUEUE": str(folder / "q")}
    os.environ |= {"FEWSHOT_LAB_COMPARE": "0"}
    draw_demo(folder / "images", n=48)
    write_phantom(folder / "more" / "series", 6, side=64)
    draw(folder / "more" / "slide.svs", 1024, 2)
    frames = [Image.effect_noise((160, 120), 64 + 20 * k) for k in range(5)]
    frames[0].save(folder / "more" / "a.gif", save_all=True, append_images=frames[1:], duration=500)
    with Project.create("cells") as project, Project.create("other") as other:
        project.import_images(folder / "images", reference_labels="folders")
        tiling = Tiling(tile_px=256, most=6, tissue=TissueRule(share=0))
        project.import_images(folder / "more", tiling=tiling)
        project.embed()
        project.make_map()
        rows = project.store.images()
        known = {row.id: row.reference for row in rows if row.reference is not None}
        project.labels.add(dict(list(known.items())[:30]), "Ann")
        other.import_images(folder / "images")
        project.team.agree("Olga", annotators=("Ann", "Sam"), seniors=("Sam",))
        for name, role in PEOPLE.items():
            accounts.accept(accounts.invite(name, administrator=role is None), PASSWORD)
            if role:
                project.store.set_member(name, role)
        class_ids = [row.id for row in project.store.classes()]
        slides = list(slide_index(page_state_of("cells")).slides)
    return Hostile(seed, [row.id for row in rows], class_ids, slides, list(PEOPLE))


def app() -> Starlette:
    middleware = [Middleware(Door), Middleware(Identity, settings=accounts.sign_in())]
    return Starlette(routes=routes(), middleware=middleware)


class Cookies:
    """The session of each person, begun anew where the last request ended it."""

    def __init__(self) -> None:
        self.tokens: dict[str, str] = {}

    def of(self, name: str) -> str:
        """Return the cookie of somebody who is signed in."""
        token = self.tokens.get(name)
        if token is None or accounts.name_of(accounts.key_of(token), 1800) is None:
            token = self.tokens[name] = accounts.begin(name)
        return f"fewshot_session={token}"


def in_process(hostile: Hostile, n: int, way: str) -> list[str]:
    """Ask the app n times; return what went wrong, and print what was answered."""
    table = [route for route in routes() if isinstance(route, Route)]
    # What stores something is asked more often.
    turns = table + [route for route in table if schema_of(route)] * 3
    answers: collections.Counter[str] = collections.Counter()
    asked: collections.Counter[str] = collections.Counter()
    problems, cookies = [], Cookies()
    with Project.open("cells") as project:
        before = project.store.position()
    client = TestClient(app(), "http://localhost", follow_redirects=False)
    for number in range(n):
        route = turns[number % len(turns)]
        methods = METHODS if hostile.may(0.08) else sorted((route.methods or {"GET"}) - {"HEAD"})
        method = hostile.chance.choice(methods)
        who = hostile.chance.choice((None, *PEOPLE)) if way == "accounts" else None
        headers = hostile.headers(ours=hostile.may(0.9))
        if who is not None:
            headers["Cookie"] = cookies.of(who).encode()
        sent = method != "GET" or hostile.may(0.05)
        body, kind = hostile.body(route, who) if sent else (b"", "")
        if kind:
            headers["Content-Type"] = kind.encode()
        address = f"{hostile.path(route)}?{hostile.query()}"
        began = time.monotonic()
        client.cookies.clear()
        what = f"{who}: {method} {address[:300]} {headers} {body[:500]!r}"
        try:
            answer = client.request(method, address, headers=headers, content=body)
        except Exception as error:
            problems.append(f"{what}: {type(error).__name__} {error}")
            continue
        answers[f"{answer.status_code}"] += 1
        asked[route.path] += answer.status_code == 200
        if answer.status_code >= 500 or b"Traceback" in answer.content:
            problems.append(f"{what}: {answer.status_code} {answer.text[:300]}")
        if time.monotonic() - began > SLOW and "/live" not in route.path:
            print(f"{time.monotonic() - began:.1f} s: {what[:300]}")
    with Project.open("cells") as project:
        stored = project.store.position() - before
    never = [path for path, ok in asked.items() if not ok and path.startswith("/fewshot/api")]
    print(
        f"sign-in {way}: {n:,} requests over {len(table)} routes, {dict(sorted(answers.items()))}"
    )
    print(f"  {stored:,} actions stored; never answered with 200: {never}", flush=True)
    return problems


def over_a_socket(hostile: Hostile, n: int, port: int) -> list[str]:
    """Send n requests to a real server, most of them no HTTP; return what went wrong."""
    table = [route for route in routes() if isinstance(route, Route)]
    answers: collections.Counter[str] = collections.Counter()
    problems, cookies = [], Cookies()
    with serving(port) as at:
        for number in range(n):
            route = table[number % len(table)]
            who = hostile.chance.choice((None, *PEOPLE))
            raw = wire(hostile, route, cookies.of(who) if who else "")
            answer = exchanged(at, raw, hostile.chance)
            status = answer[9:12].decode("latin-1") or "closed"
            answers[status] += 1
            if status.startswith("5") or b"Traceback" in answer:
                problems.append(f"{raw[:500]!r}: {answer[:500]!r}")
        with socket.create_connection(("127.0.0.1", at)) as last:
            last.sendall(b"GET /fewshot/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            if b" 200 " not in last.recv(100):
                problems.append("the server is not there any more")
    print(f"by a socket: {n:,} requests, {dict(sorted(answers.items()))}", flush=True)
    return problems


def wire(hostile: Hostile, route: Route, cookie: str) -> bytes:
    """Return a request as bytes: sound, or with a line, a length or an encoding that is none."""
    chance = hostile.chance
    method = chance.choice(METHODS if hostile.may(0.1) else sorted(route.methods or {"GET"}))
    body, kind = hostile.body(route, None) if method == "POST" else (b"", "")
    lines = [f"{method} {hostile.path(route)}?{hostile.query()} HTTP/1.1".encode()]
    headers = {"Host": b"localhost", **hostile.headers(ours=True)}
    headers |= {"Cookie": cookie.encode(), "Content-Type": kind.encode()}
    length: Any = len(body)
    if hostile.may(0.2):
        length = chance.choice(("-1", "x", "99999999999999999999", len(body) + 5, 0, ""))
    headers["Content-Length"] = str(length).encode()
    if hostile.may(0.1):
        headers["Transfer-Encoding"] = chance.choice((b"chunked", b"gzip", b"chunked, x"))
    if hostile.may(0.1):
        headers["Upgrade"], headers["Connection"] = b"websocket", b"Upgrade"
    if hostile.may(0.1):
        headers["Expect"] = b"100-continue"
    lines += [name.encode() + b": " + value for name, value in headers.items()]
    raw = b"\r\n".join(lines) + b"\r\n\r\n" + body
    if hostile.may(0.15):
        at = chance.randrange(len(raw))
        raw = raw[:at] + chance.randbytes(chance.choice((1, 20))) + raw[at:]
    return raw


def exchanged(port: int, raw: bytes, chance: random.Random) -> bytes:
    """Send bytes, some of them cut off; return the beginning of the answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
        try:
            if chance.random() < 0.2:
                connection.sendall(raw[: chance.randrange(len(raw))])
                return b""  # and gone
            connection.sendall(raw)
            if chance.random() < 0.2:
                connection.shutdown(socket.SHUT_WR)
            return connection.recv(4000)
        except OSError:
            return b""


@contextmanager
def serving(port: int) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", port))
        port = probe.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app(), port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    try:
        yield port
    finally:
        server.should_exit = True
        thread.join()


def unreadable(image_ids: list[str]) -> list[str]:
    """Return which readers of the project fail on what was stored."""
    problems: list[str] = []
    # Sam decides for the team, and sees everything.
    headers = {"Cookie": Cookies().of("Sam")} if accounts.sign_in().is_on else {}
    client = TestClient(app(), "http://localhost")

    def get(path: str) -> Any:
        query = f"{'&' if '?' in path else '?'}annotator=Sam"
        answer = client.get(f"{API}/{path}{query}", headers=headers)
        if answer.status_code != 200:
            problems.append(f"{path}: {answer.status_code} {answer.text[:300]}")
        return answer

    head, _ = unpack(get("live?hold=0").content)
    rows: list[Any] = []
    while page := get(f"history?before={rows[-1]['id'] if rows else 999999999}").json()["rows"]:
        rows += page
    for image_id in image_ids:
        get(f"image/{image_id}")
    for name in ("@annotator", "@flag", "@reference", "@group"):
        get(f"column?name={name}")
    for path in ("piles", "search?text=x", "disagreement?what=conflicts", "slides"):
        get(path)
    for row in csv.reader(StringIO(get("labels.csv").content.decode("utf-8-sig"))):
        computed = [cell for cell, text in zip(row, text_cells(row), strict=True) if cell != text]
        problems += [f"a cell computes: {cell!r}" for cell in computed]
    with Project.open("cells") as project:
        try:
            people = project.team.report().people
            for table in (labels_csv, opinions_csv, predictions_csv):
                list(csv.reader(StringIO(table(project))))
            project.store.journal()
        except Exception as error:
            problems.append(f"a report: {type(error).__name__} {error}")
            people = ()
        problems += project.store.verify().problems
    problems += accounts.verify_server_journal()[1]
    problems += pages_that_fail()
    print(
        f"  read back: {len(head['overview']['classes'])} classes, {len(rows):,} actions, "
        f"{len(people)} people, {len(accounts.server_journal())} entries of the journal",
        flush=True,
    )
    return problems


def pages_that_fail() -> list[str]:
    """Return which of the app's pages show an exception; run without a browser, as anybody."""
    from streamlit.testing.v1 import AppTest

    way = os.environ["FEWSHOT_LAB_SIGN_IN"]
    os.environ["FEWSHOT_LAB_SIGN_IN"] = "off"
    problems = []
    for title, file in PAGES.values():
        page = AppTest.from_file(str(ROOT / "fewshot_lab" / "ui" / "main.py"), default_timeout=120)
        page.query_params["project"] = "cells"
        page.run()
        page.switch_page(str(ROOT / "pages" / file))
        page.query_params["project"] = "cells"
        page.run()
        problems += [f"the page {title}: {each.value[:300]}" for each in page.exception]
    os.environ["FEWSHOT_LAB_SIGN_IN"] = way
    return problems


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
