"""A process that labels a project: what it has acknowledged, it prints."""

import sys
from pathlib import Path

from fewshot_lab.project import Project
from fewshot_lab.store import LabelAction


def main(folder: str, client: str) -> None:
    store = Project.open(Path(folder)).store
    class_id, ids = store.classes()[0].id, store.ids()
    for q in range(10**6):
        chosen = [ids[(q * 7 + k) % len(ids)] for k in range(1 + q % 3)]
        position = store.record(LabelAction(client, q, client, "class", class_id, chosen))
        sys.stdout.write(f"{position}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
