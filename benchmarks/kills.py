"""The server killed again and again under six clients: what was acknowledged is there, once.

    python benchmarks/kills.py [--kills 1000] [--clients 6] [--app] [--seed 0] [--sign-in]
                               [--database postgresql://...]

Each client is a process with the outbox of a page: it labels single images and groups, undoes,
redoes and clears, sends each batch until it is acknowledged, sends some twice at once, gives up on
some answers early, and now and then goes on as a reloaded page. The server is ended by SIGKILL at
random moments, some of them while it starts. At the end every acknowledged action must stand in the
log exactly once, at the position that was acknowledged, with the images that were sent; the order
in which a page sent them holds; sent again they change nothing; ``verify`` finds the chain whole.

The log is read with sqlite3 or psycopg alone, not with the code that wrote it. With ``--sign-in``
each client is an annotator with a local account. Without
``--app`` the server is the same routes behind the same middleware, on the same store, with real
refits, but without Streamlit's pages, in a process forked off one that has imported everything: so
a kill costs a second and not ten. ``--app`` starts the whole app each time.
"""

import argparse
import json
import multiprocessing
import os
import random
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import httpx  # noqa: E402
import uvicorn  # noqa: E402
from _outbox import Client, Labelling, resend  # noqa: E402
from starlette.applications import Starlette  # noqa: E402
from starlette.middleware import Middleware  # noqa: E402

from fewshot_lab import accounts  # noqa: E402
from fewshot_lab.web import Door, Identity, routes  # noqa: E402

Query = Callable[[str], list[Any]]
FORK = multiprocessing.get_context("fork")
RESENT = 3000
PASSWORD = "correct horse battery"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--clients", type=int, default=6)
    parser.add_argument("--minutes", type=float, default=60, help="stop killing after so long")
    parser.add_argument("--app", action="store_true", help="start the whole app each time")
    parser.add_argument("--sign-in", action="store_true", help="with local accounts")
    parser.add_argument("--database", help="the URL of a PostgreSQL server; else SQLite")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"FEWSHOT_LAB_HOME": folder, "FEWSHOT_LAB_QUEUE": f"{folder}/queue"}
        os.environ |= {"FEWSHOT_LAB_COMPARE": "0", "PYTHONPATH": str(ROOT)}
        os.environ["FEWSHOT_LAB_SIGN_IN"] = "accounts" if arguments.sign_in else "off"
        if arguments.database:
            os.environ["FEWSHOT_LAB_DATABASE"] = arguments.database
        Path(folder, ".started").touch()
        names = [f"annotator {n}" for n in range(arguments.clients)]
        # Its threads would not outlive a fork.
        with multiprocessing.get_context("spawn").Pool(1) as maker:
            labelling = maker.apply(make_project, (names if arguments.sign_in else [],))
        import_all()
        problems = kill_and_check(arguments, Path(folder, "cells"), names, labelling)
        if arguments.database:
            from fewshot_lab.project import Project

            Project.open("cells").delete()
    for problem in problems[:20]:
        print("  " + problem)
    sys.exit(f"{len(problems)} problems" if problems else 0)


def make_project(members: list[str]) -> Labelling:
    """Make a project of 64 drawn cells with some labels in each class, and sign its members in."""
    from fewshot_lab.images.demo import draw_demo
    from fewshot_lab.project import Project

    with tempfile.TemporaryDirectory() as folder, Project.create("cells") as project:
        draw_demo(Path(folder), n=64)
        project.import_images(Path(folder), reference_labels="folders", copy=True)
        project.embed()
        project.make_map()
        rows = project.store.images()
        project.labels.add({row.id: str(row.reference) for row in rows[:40]}, "first")
        for name in members:
            accounts.accept(accounts.invite(name), PASSWORD)
            project.store.set_member(name, "annotator")
        cookies = {name: f"fewshot_session={accounts.begin(name)}" for name in members}
        classes = [row.id for row in project.store.classes()]
        return Labelling([row.id for row in rows], classes, cookies)


def import_all() -> None:
    """Import what a refit would: a server that is forked off starts at once."""
    import faiss  # noqa: F401
    import sklearn.linear_model  # noqa: F401
    import torch  # noqa: F401


def serve(port: int) -> None:
    """Serve the app's routes behind its middleware, for ever."""
    middleware = [Middleware(Door), Middleware(Identity, settings=accounts.sign_in())]
    app = Starlette(routes=routes(), middleware=middleware)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")


def start_app(port: int) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    command += ["--server.headless", "true", "--server.address", "127.0.0.1"]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)


def start_routes(port: int) -> Any:
    process = FORK.Process(target=serve, args=(port,), daemon=True)
    process.start()
    return process


def end(process: Any) -> None:
    """End a server as a power cut would."""
    process.kill()
    (process.wait if isinstance(process, subprocess.Popen) else process.join)()


def kill_and_check(
    arguments: argparse.Namespace, folder: Path, names: list[str], labelling: Labelling
) -> list[str]:
    chance = random.Random(arguments.seed)
    port = arguments.port or free_port()
    url = f"http://127.0.0.1:{port}"
    start = start_app if arguments.app else start_routes
    clients = [Client(url, name, arguments.seed, labelling) for name in names]
    processes = [FORK.Process(target=client.run, daemon=True) for client in clients]
    for process in processes:
        process.start()
    began = time.monotonic()
    kills = asked = unused = starting = 0
    while kills < arguments.kills and time.monotonic() - began < 60 * arguments.minutes:
        before = acknowledged(clients)
        server = start(port)
        when = chance.random()
        if when < 0.1:
            time.sleep(chance.uniform(0, 3 if arguments.app else 0.3))
            starting += 1
        else:
            wait_until(lambda: httpx.get(f"{url}/fewshot/health", timeout=5).status_code)
            if when < 0.6:
                wait_until(lambda at_start=before: acknowledged(clients) > at_start)
            time.sleep(chance.uniform(0, 0.4))
        asked += any(client.asking.value for client in clients)
        end(server)
        kills += 1
        unused += acknowledged(clients) == before
        if kills % 100 == 0:
            done = acknowledged(clients)
            print(
                f"{kills} kills, {done:,} acknowledged, {time.monotonic() - began:.0f} s",
                flush=True,
            )
    server = start(port)
    for client in clients:
        client.stop.set()
    sent = [client.answers.get(timeout=300) for client in clients]
    for process in processes:
        process.join()
    chosen = resend(url, labelling, [page for pages in sent for page in pages], RESENT, chance)
    end(server)
    print(
        f"{kills} kills ({asked} while an action was on its way, {starting} while the server "
        f"started, {unused} before it acknowledged any) in {time.monotonic() - began:.0f} s; "
        f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )
    with log_of(folder, arguments.database) as query:
        problems = [*chosen, *compare(query, sent)]
    checked = subprocess.run(
        [sys.executable, "-m", "fewshot_lab", "verify", "cells"], cwd=ROOT, text=True,
        capture_output=True, check=False,
    )  # fmt: skip
    print(f"verify: {(checked.stdout + checked.stderr).strip()}")
    return problems + ([f"verify ended with {checked.returncode}"] if checked.returncode else [])


def acknowledged(clients: list[Client]) -> int:
    return sum(client.acknowledged.value for client in clients)


@contextmanager
def log_of(folder: Path, url: str | None) -> Iterator[Query]:
    """Yield what answers a query of a project's database."""
    if url is None:
        with closing(sqlite3.connect(folder / "project.sqlite")) as file:
            yield lambda query: file.execute(query).fetchall()
        return
    import psycopg

    project_id = json.loads((folder / "project.json").read_text())["id"]
    with psycopg.connect(url.replace("+psycopg", "")) as server:
        find = "select nspname from pg_namespace where nspname like %s"
        (schema,) = server.execute(find, [f"%{project_id}%"]).fetchone() or ("",)
        server.execute(f'set search_path to "{schema}"')
        yield lambda query: server.execute(query).fetchall()


def compare(query: Query, sent: list[list[Any]]) -> list[str]:
    """Return where the log is another than what was acknowledged."""
    rows = query("select client, q, id, annotator from actions where client is not null")
    rows = [row for row in rows if row[3].startswith("annotator ")]
    images: dict[int, list[tuple[Any, ...]]] = {}
    for action, *what in query(
        "select e.action, i.id, e.kind, e.class_id from events e "
        "join images i on i.ordinal = e.image order by e.id"
    ):
        images.setdefault(action, []).append(tuple(what))
    stored = {(client, q): (position, annotator) for client, q, position, annotator in rows}
    times = Counter((client, q) for client, q, *_ in rows)
    problems = [f"{name} is stored {n} times" for name, n in times.items() if n > 1]
    known: set[tuple[str, int]] = set()
    taken = labels = 0
    for pages in sent:
        for page in pages:
            problems += [f"{page.client}: {sentence}" for sentence in page.problems]
            known |= {(page.client, q) for q in page.actions}
            places = []
            for q, position in sorted(page.acknowledged.items()):
                taken += 1
                at, annotator = stored.get((page.client, q), (None, None))
                places.append(at or 0)
                # An undo of nothing is in the log, too, and is answered with the log's position.
                fits = at is not None and at <= position if q in page.idle else at == position
                if not fits or annotator != page.annotator:
                    problems.append(f"{page.client} {q}: {position} acknowledged, {at} stored")
                action = page.actions[q]
                if action["do"] == "label":
                    labels += 1
                    ids = [
                        action["images"][k : k + 20] for k in range(0, len(action["images"]), 20)
                    ]
                    want = [(i, action["kind"], action["class_id"]) for i in ids]
                    if sorted(images.get(position, []), key=str) != sorted(want, key=str):
                        problems.append(f"{page.client} {q}: other labels than were sent")
            if places != sorted(places):
                problems.append(f"{page.client}: not in the order in which it was sent")
    problems += [f"{name} was sent by nobody" for name in stored.keys() - known]
    unsent = len(known) - taken
    print(
        f"{taken:,} actions acknowledged ({labels:,} of labels, the rest undo and redo), "
        f"{len(stored):,} stored, {unsent} still in an outbox"
    )
    return problems


def wait_until(question: Callable[[], object]) -> None:
    for _ in range(3000):
        with suppress(httpx.HTTPError):
            if question():
                return
        time.sleep(0.02)
    raise SystemExit("the server does not answer")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
