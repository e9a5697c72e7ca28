"""A process that embeds, for the tests to kill: BACKBONE LIST FOLDER [SHARD_SIZE]."""

import json
import sys
from pathlib import Path

from fewshot_lab.backbones import find
from fewshot_lab.embeddings import ImageItem, embed, embedding_run, work_left


def main() -> None:
    backbone, images, folder, *rest = sys.argv[1:]
    if rest:
        embedding_run.CPU_SHARD = int(rest[0])
        work_left.CHUNK = int(rest[0])
    items = [ImageItem(i, Path(f)) for i, f in json.loads(Path(images).read_text())]
    report = embed(items, find(backbone), Path(folder), device="cpu", batch_size=4)
    sys.stdout.write(json.dumps({"done": report.done, "skipped": report.skipped}) + "\n")


if __name__ == "__main__":
    main()
