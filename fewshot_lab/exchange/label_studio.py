"""Label Studio: a JSON list of tasks, each with annotations and predictions.

In Label Studio the labelling interface has an ``Image`` named "image" and ``Choices`` named
"choice"; the project's folder of images is a local storage.
"""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.exchange.files import read_json, records, rectangle
from fewshot_lab.exchange.pictures import Contents, Opinion, Outgoing, Picture, Rectangle
from fewshot_lab.files import write_atomically

LOCAL = "/data/local-files/?d="
"""Under which Label Studio finds files of a local storage."""


def write(file: Path, outgoing: Outgoing) -> None:
    """Write pictures as tasks."""
    tasks = [_task(n, each, outgoing.about) for n, each in enumerate(outgoing.pictures, 1)]
    write_atomically(file, json.dumps(tasks, indent=1).encode())


def _task(number: int, picture: Picture, about: dict[str, str]) -> dict[str, Any]:
    address = LOCAL + quote(picture.path)
    task: dict[str, Any] = {"id": number, "data": {"image": address}, "meta": about}
    task["annotations"] = [
        {
            "id": 1000 * number + nth,  # readers of these files ask for ids
            "created_at": opinion.time,
            # Label Studio writes this itself and reads it from nobody, so "meta" has it, too.
            "created_username": opinion.annotator,
            "result": [_choice(opinion.label) | {"meta": opinion._asdict()}],
        }
        for nth, opinion in enumerate(picture.opinions)
    ]
    if (predicted := picture.prediction) is not None:
        task["predictions"] = [
            {
                "model_version": predicted.model,
                "score": round(predicted.probability, 6),
                "result": [_choice(predicted.label)],
            }
        ]
    return task


def _choice(label: str) -> dict[str, Any]:
    return {
        "from_name": "choice",
        "to_name": "image",
        "type": "choices",
        "value": {"choices": [label]},
    }


def read(file: Path) -> Contents:
    """Return choices and boxes of a file of tasks; annotations that were skipped hold none.

    Raises
    ------
    FewshotLabError
        Where it is another format.
    """
    tasks = read_json(file)
    if isinstance(tasks, dict) and "data" in tasks:
        tasks = [tasks]
    tasks = records({"tasks": tasks}, "tasks")
    if not any(isinstance(task.get("data"), dict) for task in tasks):
        raise FewshotLabError(
            f"{file.name} holds no tasks of Label Studio: export as “JSON”, not as “JSON-MIN”."
        )
    annotations = [
        (path, annotation)
        for task in tasks
        if (path := _path(task))
        for annotation in records(task, "annotations")
        if not annotation.get("was_cancelled")
    ]
    users = {str(each.get("completed_by")) for _, each in annotations if _user(each) is None}
    opinions, other = [], 0
    for path, annotation in annotations:
        who = _user(annotation)
        if who is None and len(users) > 1:  # several people whom the file does not name
            who = f"Label Studio user {annotation.get('completed_by', '?')}"
        for result in records(annotation, "result"):
            value = result.get("value")
            if not isinstance(value, dict):
                value = {}
            box = _box(value)
            choices = value.get("choices" if box is None else "rectanglelabels")
            if not isinstance(choices, list):
                other += 1
                continue
            meta = result["meta"] if isinstance(result.get("meta"), dict) else {}
            if choices != [meta.get("label")]:  # changed in Label Studio: no more theirs
                meta = {}
            annotator = str(meta.get("annotator") or who or "") or None
            time = str(meta.get("time") or annotation.get("created_at") or "")
            opinions += [(path, box, Opinion(str(c), annotator, time)) for c in choices]
    return Contents(opinions, other)


def _box(value: dict[str, Any]) -> Rectangle | None:
    """Return a box that lies straight; it is in per cent of the picture's sides."""
    if "rectanglelabels" not in value or value.get("rotation"):
        return None
    return rectangle([value.get(name) for name in ("x", "y", "width", "height")], 100)


def _user(annotation: dict[str, Any]) -> str | None:
    by = annotation.get("completed_by")
    if isinstance(by, dict):
        name = by.get("email") or by.get("username")
    else:
        name = annotation.get("created_username")
    return str(name).strip() if name else None


def _path(task: dict[str, Any]) -> str:
    """Return the path of a task's image out of its address: of a local storage, upload or URL."""
    data = task["data"] if isinstance(task.get("data"), dict) else {}
    texts = [value for value in data.values() if isinstance(value, str)]
    address = data.get("image")
    if not isinstance(address, str):
        address = texts[0] if len(texts) == 1 else ""
    parts = urlsplit(address) if address.startswith("/data/") or "://" in address else None
    if parts is None:
        return address
    if local := parse_qs(parts.query).get("d"):
        return local[0]
    path = unquote(parts.path).lstrip("/")
    # An upload carries eight letters and a dash before the name that the file had.
    return re.sub(r"^data/upload/(?:.*/)?(?:[0-9a-f]{8}-)?", "", path)
