"""The steps of ``scale.py`` that ask as the label page does; near-duplicates not searched for."""

import time
from collections.abc import Callable
from threading import Event, Thread

import numpy as np
from _scale_clock import Clock
from _scale_steps import CLASSES, NAME, label_some, published

from fewshot_lab.live import page_state_of, session
from fewshot_lab.project import Project


def page(n: int, d: int, clock: Clock) -> None:
    """Answer what the label page asks for first, as its route does."""
    from fewshot_lab.web.page_contents import PageContents

    with Project.open(NAME) as project:
        project.first_map()  # where there is no other
    with clock("page: first snapshot"):
        with clock("page: first answer"):
            state = page_state_of(NAME)
            message = PageContents(state, "", (0, 0, 0)).news({})
            assert message
        published(state.live, state.project.store.position())
    clock.figures["page: megabytes of the answer, zipped"] = len(message.zipped or b"") / 1e6
    have = {"images": str(n), "map": state.layout(state.order()).version}  # type: ignore[union-attr]
    with clock("page: labels and scores"):
        PageContents(state, "", (1, 0, 0)).news(have)
    state.live.close()


def key(n: int, d: int, clock: Clock) -> None:
    """Post labels one by one, while a page listens as the browser's does.

    "Key to colours" is from the request to the answer that has the colours (median of nine);
    "refit of it" is how long the session took for the figures. The slower candidates, which a
    pause brings, are left out.
    """
    from starlette.applications import Starlette
    from starlette.testclient import TestClient

    from fewshot_lab.web import api_url, routes, unpack

    session.SETTLE = 3600
    with Project.open(NAME) as project:
        project.first_map()
        embeddings = project.require_embeddings()
        classes, _ = label_some(project, embeddings, n, d)
    state = page_state_of(NAME)
    published(state.live, state.project.store.position())
    client = TestClient(Starlette(routes=routes()))
    have: dict[str, str] = {"annotator": "benchmark"}
    coloured = Event()
    ended, wanted, at = Event(), [0], [0.0]

    def listen() -> None:
        hold = 0
        while not ended.is_set():
            answer = client.get(f"{api_url(NAME)}/live", params=have | {"hold": str(hold)})
            head, _ = unpack(answer.content)
            hold = 2
            if "images" in head:
                have["images"] = str(head["images"]["n"])
            for name, field in (("map", "version"), ("labels", "version"), ("overview", "stamp")):
                if name in head:
                    have[name] = head[name][field]
            have["rev"] = head.get("rev", have.get("rev", ""))
            at_last = "model" in head and head["model"]["predicted_at"] >= wanted[0] > 0
            if at_last and not coloured.is_set():
                at[0] = time.perf_counter()
                coloured.set()

    listener = Thread(target=listen, daemon=True)
    listener.start()
    labelled = set(state.project.store.labels())
    rows = iter(k for k in range(n // 2, n) if embeddings.ids[k] not in labelled)
    figures: list[tuple[float, float]] = []
    for q in range(10):
        while not state.live.snapshot.whole or not have.get("overview"):
            time.sleep(0.1)
        time.sleep(1 + 0.1 * q)  # not always at the same moment of a beat
        row = next(rows)
        action = {"client": f"key {time.time_ns()}", "q": 1, "do": "label", "kind": "class",
                  "class_id": classes[q % CLASSES], "images": embeddings.ids[row],
                  "view": "grid"}  # fmt: skip
        wanted[0] = state.project.store.position() + 1
        coloured.clear()
        began = time.perf_counter()
        answer = client.post(f"{api_url(NAME)}/actions", headers={"X-Fewshot": "1"},
                             json={"annotator": "benchmark", "actions": [action]})  # fmt: skip
        assert answer.json()["position"] >= wanted[0], answer.text
        coloured.wait(120)
        while state.live.snapshot.position < wanted[0]:
            time.sleep(0.1)
        figures.append((at[0] - began, state.live.snapshot.fit_seconds))
    ended.set()
    both = np.median(np.array(figures[1:]), axis=0)  # the first one's code is still being loaded
    clock.figures["key to colours"], clock.figures["refit of it"] = map(float, both)


def drawn_pairs(n: int, d: int, clock: Clock) -> None:
    """Write near-duplicates that are drawn, in place of the search: it takes hours for millions."""
    from fewshot_lab.project import near_duplicates

    project = Project.open(NAME)
    embeddings = project.require_embeddings()
    random = np.random.default_rng(0)
    left = random.integers(0, n - 1, 3 * n // 10)
    right = np.minimum(n - 1, left + random.integers(1, 51, len(left)))
    pairs = np.unique(np.stack([left, right], axis=1), axis=0)
    near = near_duplicates.Near(
        embeddings.ids,
        random.uniform(0.5, 0.94, n).astype(np.float32),
        pairs,
        random.uniform(0.951, 0.97, len(pairs)).astype(np.float32),
        np.zeros(len(pairs), dtype=bool),
    )
    file = project.folder / "splits" / f"{embeddings.fingerprint}.npz"
    near_duplicates._write(file, near, near_duplicates.FLOOR)
    project.close()


STEPS: dict[str, Callable[[int, int, Clock], None]] = {
    "given": drawn_pairs,
    "page": page,
    "key": key,
}
