"""A process that labels: what it has acknowledged, it prints."""

import sys

from fewshot_lab.store import LabelAction, Store

from .annotators import image


def main(url: str, schema: str, client: str, *numbers: str) -> None:
    first, n_actions, n_images = map(int, numbers)
    store = Store.open(url, schema or None)
    class_id = store.classes()[0].id
    for q in range(first, first + n_actions):
        ids = [image((q * 7 + offset) % n_images) for offset in range(1 + q % 3)]
        action = LabelAction(client, q, client, "class", class_id, ids)
        sys.stdout.write(f"{q} {store.record(action)}\n")
        sys.stdout.flush()
