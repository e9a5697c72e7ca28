"""Twenty annotators at human speed with live pages, with and without a hundred idle pages.

    python benchmarks/many_people.py [--people 20] [--idle 100] [--seconds 60] [--project FOLDER]

On pbc8 (5,119 images, embedded once and kept between runs), each person's page listens as the
browser does and sends a label every 1.2 to 4 seconds. Measured at the pages, which run in two
processes beside the server and take their share of the same cores: to the acknowledgement of a
label (stored by then), and to the first answer whose classifier has learnt from it.
"""

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import random
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from label_page import cells_project, load, prepare, server

from fewshot_lab.project import Project
from fewshot_lab.web import api_url, unpack

REACH = {"acknowledged, p95": 150, "fresh picture, p50": 2000}
HAVE = ("rev", "labels", "images", "map", "overview")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--idle", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--project", type=Path, help="an embedded and mapped project of pbc8")
    arguments = parser.parse_args()
    source = arguments.project or cells_project()
    results = []
    for idle in (0, arguments.idle):
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder)
            (home / ".started").touch()
            shutil.copytree(source, home / "cells")
            prepare(Project.open(home / "cells"))
            with Project.open(home / "cells") as project:
                class_of = {row.name: row.id for row in project.store.classes()}
                answers = [(row.id, class_of[str(row.reference)]) for row in project.store.images()]
            with server(home) as url:
                results.append(measure(url, arguments, idle, answers))
    print(f"\n{'':24}{'to reach':>10}{'alone':>10}{f'{arguments.idle} idle':>10}{'ratio':>8}")
    for (title, reach), without, with_idle in zip(REACH.items(), *results, strict=True):
        figures = f"{without:7.0f} ms{with_idle:7.0f} ms{with_idle / without:8.2f}"
        print(f"{title:24}{reach:7} ms{figures}")


def measure(
    url: str, arguments: argparse.Namespace, idle: int, answers: list[tuple[str, int]]
) -> tuple[float, float]:
    """Return the p95 of acknowledgements and the p50 of fresh pictures, in milliseconds."""
    busy, quiet = range(arguments.people), range(arguments.people, arguments.people + idle)
    halves = [(list(busy)[k::2], list(quiet)[k::2]) for k in (0, 1)]
    with multiprocessing.Pool(2) as pool:
        jobs = [(url, half, arguments.seconds, answers) for half in halves]
        parts = pool.starmap(run_pages, jobs)
    acked = np.array([ms for part in parts for ms in part[0]])
    fresh = np.array([ms for part in parts for ms in part[1]])
    failed = sum(part[2] for part in parts)
    print(
        f"{arguments.people} people, {idle} idle pages: {len(acked)} labels in "
        f"{arguments.seconds:.0f} s, {failed} not taken; acknowledged p50 {np.median(acked):.0f} "
        f"p95 {np.percentile(acked, 95):.0f} ms; fresh picture p50 {np.median(fresh):.0f} "
        f"p95 {np.percentile(fresh, 95):.0f} ms, of {len(fresh)}; {load()}",
        flush=True,
    )
    return float(np.percentile(acked, 95)), float(np.median(fresh))


def run_pages(
    url: str, half: tuple[list[int], list[int]], seconds: float, answers: list[tuple[str, int]]
) -> tuple[list[float], list[float], int]:
    """Run the pages of one process; return its acknowledgements, fresh pictures and failures."""
    return asyncio.run(_pages(url, half, seconds, answers))


async def _pages(
    url: str, half: tuple[list[int], list[int]], seconds: float, answers: list[tuple[str, int]]
) -> tuple[list[float], list[float], int]:
    # Given up before the server does after 5 s: a label must not meet a connection that closes.
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=3)
    async with httpx.AsyncClient(base_url=url, timeout=60, limits=limits) as client:
        pages = [Page(client, f"annotator {number}") for number in (*half[0], *half[1])]
        listening = [asyncio.create_task(page.listen()) for page in pages]
        await asyncio.gather(*(page.opened.wait() for page in pages))
        await asyncio.sleep(3)
        end = time.monotonic() + seconds
        await asyncio.gather(*(page.label(answers, end) for page in pages[: len(half[0])]))
        await asyncio.sleep(5)  # for the last pictures
        for task in listening:
            task.cancel()
        await asyncio.gather(*listening, return_exceptions=True)
    return (
        [ms for page in pages for ms in page.acked],
        [ms for page in pages for ms in page.fresh],
        sum(page.failed for page in pages),
    )


class Page:
    """A label page without a screen: what it has, what it waits for, and how long it took."""

    def __init__(self, client: httpx.AsyncClient, annotator: str):
        self.client, self.annotator = client, annotator
        self.api = api_url("cells")
        self.have: dict[str, Any] = {}
        self.opened = asyncio.Event()
        self.acting = asyncio.Event()
        self.waiting: dict[int, float] = {}
        """From the log's position of a label to when its key was pressed."""
        self.acked: list[float] = []
        self.fresh: list[float] = []
        self.failed = 0

    async def listen(self) -> None:
        """Ask for what is new, for ever, as live.js does."""
        while True:
            asked = {**self.have, "annotator": self.annotator}
            try:
                answer = await self.client.get(f"{self.api}/live", params=asked)
            except httpx.TransportError:
                await asyncio.sleep(0.3)
                continue
            if answer.status_code != 200:
                await asyncio.sleep(0.5)
                continue
            head, _ = unpack(answer.content)
            for name, part, key in (
                ("labels", "labels", "version"),
                ("images", "images", "n"),
                ("map", "map", "version"),
                ("overview", "overview", "stamp"),
            ):
                if part in head:
                    self.have[name] = head[part][key]
            if "rev" in head:
                self.have["rev"] = head["rev"]
                learnt = head["model"]["position"]
                now = time.monotonic()
                for position in [p for p in self.waiting if p <= learnt]:
                    self.fresh.append(1000 * (now - self.waiting.pop(position)))
            if all(name in self.have for name in HAVE if name != "map"):
                self.opened.set()
            if later := float(answer.headers.get("X-Fewshot-Later", 0)):
                await self._rest(later)

    async def _rest(self, seconds: float) -> None:
        """Wait as live.js does: until a key is pressed, but no longer."""
        self.acting.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.acting.wait(), seconds)

    async def label(self, answers: list[tuple[str, int]], end: float) -> None:
        """Press a key now and then."""
        chance = random.Random(self.annotator)
        await asyncio.sleep(chance.uniform(0, 3))
        q = 0
        while time.monotonic() < end:
            q += 1
            image, class_id = chance.choice(answers)
            action = {
                "client": self.annotator,
                "q": q,
                "do": "label",
                "kind": "class",
                "class_id": class_id,
                "images": image,
                "view": "grid",
            }
            body = json.dumps({"annotator": self.annotator, "actions": [action]})
            pressed = time.monotonic()
            self.acting.set()
            answer = await self._posted(body)
            ack = answer.json()["acks"][0] if answer.status_code == 200 else {"error": ""}
            if "error" in ack:
                self.failed += 1
            else:
                self.acked.append(1000 * (time.monotonic() - pressed))
                self.waiting[ack["position"]] = pressed
            await asyncio.sleep(chance.uniform(1.2, 4.0))

    async def _posted(self, body: str) -> httpx.Response:
        """Send until there is an answer, as outbox.js does."""
        headers = {"X-Fewshot": "1", "Content-Type": "application/json"}
        for _ in range(20):
            try:
                return await self.client.post(f"{self.api}/actions", content=body, headers=headers)
            except httpx.TransportError as error:
                print(f"sent again after {type(error).__name__}", flush=True)
                await asyncio.sleep(0.3)
        raise SystemExit("the server is gone")


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "2")
    main()
