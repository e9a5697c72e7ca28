"""A client with the outbox of a label page, in a process of its own."""

import json
import multiprocessing
import random
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx

FORK = multiprocessing.get_context("fork")
HEADERS = {"X-Fewshot": "1", "Content-Type": "application/json"}
MOST_WAITING = 12
"""A person sees that nothing is stored, and waits."""
ACTIONS = "/fewshot/api/cells/actions"


@dataclass(frozen=True)
class Labelling:
    """What is labelled, and by which cookie each annotator is known; none without sign-in."""

    image_ids: list[str]
    class_ids: list[int]
    cookies: dict[str, str]

    def headers(self, annotator: str) -> dict[str, str]:
        """Return what an annotator's browser sends along."""
        cookie = self.cookies.get(annotator)
        return HEADERS | ({"Cookie": cookie} if cookie else {})


@dataclass
class PageSent:
    """What one page sent, and what it was answered.

    Attributes
    ----------
    actions : dict
        From q to the action.
    acknowledged : dict
        From q to the log's position.
    idle : set of int
        What had nothing to undo or to redo.
    problems : list of str
        Answers that no page should get.
    """

    client: str
    annotator: str
    actions: dict[int, dict[str, Any]] = field(default_factory=dict)
    acknowledged: dict[int, int] = field(default_factory=dict)
    idle: set[int] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)

    def take(self, ack: dict[str, Any]) -> None:
        """Note an acknowledgement; one that comes again must say the same."""
        if "error" in ack:
            self.problems.append(f"{ack['q']}: {ack['error']}")
        elif "sentence" in ack and ack["sentence"] is None:
            self.idle.add(ack["q"])
            self.acknowledged.setdefault(ack["q"], ack["position"])
        elif self.acknowledged.setdefault(ack["q"], ack["position"]) != ack["position"]:
            self.problems.append(f"{ack['q']}: acknowledged at two positions")


class Client:
    """An annotator whose server dies again and again."""

    def __init__(self, url: str, annotator: str, seed: int, labelling: Labelling):
        self.url, self.annotator, self.seed, self.labelling = url, annotator, seed, labelling
        self.stop = FORK.Event()
        self.answers: Any = FORK.Queue()
        self.acknowledged = FORK.Value("l", 0)
        self.asking = FORK.Value("b", 0)

    def run(self) -> None:
        """Act until told to stop, then until the outbox is empty; hand over what was sent."""
        chance = random.Random(f"{self.seed} {self.annotator}")
        pages: list[PageSent] = []
        queue: list[tuple[PageSent, int]] = []
        headers = self.labelling.headers(self.annotator)
        with httpx.Client(base_url=self.url, headers=headers) as http, ThreadPoolExecutor(2) as two:
            while queue or not self.stop.is_set():
                if len(queue) < MOST_WAITING and not self.stop.is_set():
                    if not pages or chance.random() < 0.01:  # a page that is loaded anew
                        pages.append(PageSent(secrets.token_hex(12), self.annotator))
                    for _ in range(chance.choice((1, 1, 1, 2, 5))):
                        q = len(pages[-1].actions) + 1
                        pages[-1].actions[q] = self._action(pages[-1].client, q, chance)
                        queue.append((pages[-1], q))
                acks = self._sent(http, two, queue[:100], chance)
                for page in pages:
                    for ack in (each for each in acks if each["client"] == page.client):
                        page.take(ack)
                left = [(page, q) for page, q in queue if q not in page.acknowledged]
                with self.acknowledged.get_lock():
                    self.acknowledged.value += len(queue) - len(left)
                queue = left
                time.sleep(chance.uniform(0.02, 0.1))
        self.answers.put(pages)

    def _action(self, client: str, q: int, chance: random.Random) -> dict[str, Any]:
        signed = {"client": client, "q": q}
        if (dice := chance.random()) < 0.15:
            return {**signed, "do": "undo" if dice < 0.1 else "redo"}
        kind = chance.choices(("class", "unsure", "reject", "clear"), (8, 1, 1, 1))[0]
        return {
            **signed,
            "do": "label",
            "kind": kind,
            "class_id": chance.choice(self.labelling.class_ids) if kind == "class" else None,
            "images": "".join(
                chance.sample(self.labelling.image_ids, chance.choice((1, 1, 1, 3, 12)))
            ),
            "view": "grid",
        }

    def _sent(
        self, http: httpx.Client, two: ThreadPoolExecutor, batch: Any, chance: random.Random
    ) -> list[dict[str, Any]]:
        """Send a batch, now and then twice at once; return what was acknowledged."""
        actions = [page.actions[q] for page, q in batch]
        body = json.dumps({"annotator": self.annotator, "actions": actions})
        patience = chance.choice((0.005, 0.02)) if chance.random() < 0.1 else 20

        def post() -> list[dict[str, Any]]:
            try:
                answer = http.post(ACTIONS, content=body, timeout=patience)
            except httpx.HTTPError:
                return []
            if answer.status_code == 200:
                return list(answer.json()["acks"])
            batch[0][0].problems.append(f"answered with {answer.status_code}: {answer.text[:200]}")
            return []

        self.asking.value = 1
        both = [two.submit(post) for _ in range(2 if chance.random() < 0.1 else 1)]
        acks = [ack for each in both for ack in each.result()]
        self.asking.value = 0
        return acks


def resend(
    url: str, labelling: Labelling, pages: list[PageSent], n: int, chance: random.Random
) -> list[str]:
    """Send acknowledged actions once more; return where an answer is another one, or new."""
    every = [(page, q) for page in pages for q in page.acknowledged]
    problems = []
    with httpx.Client(base_url=url, timeout=60) as http:
        positions = set()
        for page, q in chance.sample(every, min(n, len(every))):
            body = {"annotator": page.annotator, "actions": [page.actions[q]]}
            headers = labelling.headers(page.annotator)
            answer = http.post(ACTIONS, content=json.dumps(body), headers=headers).json()
            positions.add(answer["position"])
            known = q in page.idle or answer["acks"][0].get("position") == page.acknowledged[q]
            if not known or "error" in answer["acks"][0]:
                problems.append(f"{page.client} {q}: sent again, it was answered with another")
        if len(positions) > 1:
            problems.append("actions that were sent again were stored again")
    return problems
