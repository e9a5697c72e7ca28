"""FiftyOne: a dataset folder with ``metadata.json`` and ``samples.json``.

``metadata.json`` names no version, so that FiftyOne makes the fields from the samples: a
description of its database's own document would hold for one release.
"""

import json
from pathlib import Path, PurePosixPath
from typing import Any
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.exchange.files import parse_json, read_json, records, rectangle
from fewshot_lab.exchange.pictures import Contents, Opinion, Outgoing, Picture, Rectangle
from fewshot_lab.files import write_atomically
from fewshot_lab.whole_files import writing_beside

SAMPLES = "samples.json"
MOST_BYTES = 2 << 30
"""A few packed bytes may stand for any length: longer samples are not unpacked."""
OWN = "opinions"
USUAL = "ground_truth"


def write(folder: Path, outgoing: Outgoing) -> None:
    """Write a dataset folder, or a ZIP of one; images stay where they lie.

    The label that counts is ``ground_truth``, what each annotator says ``opinions``, the
    classifier's answer ``predictions``, with its confidence.

    Raises
    ------
    FewshotLabError
        Where there is a file of the folder's name.
    """
    metadata = {"name": outgoing.about["project"], "media_type": "image", "info": outgoing.about}
    samples = [_sample(each) for each in outgoing.pictures]
    # The samples last: without them a folder is no dataset yet.
    files = {
        "metadata.json": json.dumps(metadata, indent=1),
        SAMPLES: json.dumps({"samples": samples}),
    }
    if folder.suffix == ".zip":
        with writing_beside(folder) as beside, ZipFile(beside, "w", ZIP_DEFLATED) as archive:
            for name, text in files.items():
                archive.writestr(name, text)
        return
    if folder.exists() and not folder.is_dir():
        raise FewshotLabError(f"{folder} is a file: FiftyOne's format is a folder, name another.")
    for name, text in files.items():
        write_atomically(folder / name, text.encode())


def _sample(picture: Picture) -> dict[str, Any]:
    sample: dict[str, Any] = {
        "filepath": picture.file,
        "tags": [picture.split] if picture.split else [],
        "metadata": {"_cls": "ImageMetadata", "width": picture.width, "height": picture.height},
        "path": picture.path,
        USUAL: _classification(picture.label) if picture.label else None,
        OWN: {
            "_cls": "Classifications",
            "classifications": [
                _classification(each.label, annotator=each.annotator, time=each.time)
                for each in picture.opinions
            ],
        },
        "predictions": None,
    }
    if picture.group:
        sample["group_name"] = picture.group
    if (predicted := picture.prediction) is not None:
        sample["predictions"] = _classification(
            predicted.label, confidence=round(predicted.probability, 6), model=predicted.model
        )
    return sample


def _classification(label: str, **further: Any) -> dict[str, Any]:
    return {"_cls": "Classification", "tags": [], "label": label, **further}


def read(folder: Path) -> Contents:
    """Return classifications and boxes that people gave, of our own dataset folder or another's.

    ``folder`` may be its ``samples.json`` alone, or a ZIP of it.

    They stand in ``opinions`` or, where a folder has none, in ``ground_truth``, or in the only
    field of classifications without a confidence.

    Raises
    ------
    FewshotLabError
        Where it is no such folder, or several fields could be meant.
    """
    samples = [
        each
        for each in records(_samples_json(folder), "samples")
        if isinstance(each.get("filepath"), str)
    ]
    if not samples:
        raise FewshotLabError(f"{folder.name} lists no samples with a filepath.")
    field = _field(samples, folder)
    opinions: list[tuple[str, Rectangle | None, Opinion]] = []
    other = 0
    for sample in samples:
        path = sample["path"] if isinstance(sample.get("path"), str) else sample["filepath"]
        for name, value in sample.items():
            if name == field:
                opinions += [(path, None, _opinion(each)) for each in _classifications(value)]
            for each in _detections(value):
                box = rectangle(each.get("bounding_box"), 1)
                if box is None or not isinstance(each.get("label"), str):
                    other += 1
                else:
                    opinions.append((path, box, _opinion(each)))
    return Contents(opinions, other)


def _samples_json(place: Path) -> Any:
    """Return what the samples.json of a folder or ZIP holds, or that file itself."""
    if place.suffix.lower() == ".zip" and place.is_file():
        return _unpacked(place)
    file = place if place.is_file() else place / SAMPLES
    if not file.is_file():
        raise _no_samples(place)
    return read_json(file)


def _unpacked(packed: Path) -> Any:
    try:
        with ZipFile(packed) as archive:
            infos = [i for i in archive.infolist() if PurePosixPath(i.filename).name == SAMPLES]
            if len(infos) != 1:
                raise _no_samples(packed)
            if infos[0].file_size > MOST_BYTES:
                raise FewshotLabError(
                    f"{packed.name}: its {SAMPLES} is over 2 GB. Unpack it and name the folder."
                )
            return parse_json(archive.read(infos[0]), SAMPLES)
    except (BadZipFile, OSError, RuntimeError, NotImplementedError) as error:
        raise FewshotLabError(f"{packed.name} cannot be unpacked: {error}.") from None


def _no_samples(place: Path) -> FewshotLabError:
    return FewshotLabError(
        f"{place} holds no {SAMPLES}, or several: export from FiftyOne as FiftyOneDataset and "
        "name the folder, or a ZIP of it."
    )


def _detections(value: Any) -> list[dict[str, Any]]:
    """Return the boxes of a field that people drew: models say how sure they are."""
    if not isinstance(value, dict) or value.get("_cls") != "Detections":
        return []
    return [each for each in records(value, "detections") if each.get("confidence") is None]


def _field(samples: list[dict[str, Any]], folder: Path) -> str | None:
    names = {
        name
        for sample in samples
        for name, value in sample.items()
        if any(each.get("confidence") is None for each in _classifications(value))
    }
    for name in (OWN, USUAL):
        if name in names:
            return name
    if len(names) > 1:
        raise FewshotLabError(
            f"{folder.name} has several fields of classifications: {', '.join(sorted(names))}. "
            f"Name the one to take {USUAL}, by clone_sample_field, and export again."
        )
    return next(iter(names), None)


def _classifications(value: Any) -> list[dict[str, Any]]:
    """Return the classifications of a field."""
    if not isinstance(value, dict):
        return []
    alone = value.get("_cls") == "Classification"
    classifications = [value] if alone else records(value, "classifications")
    return [each for each in classifications if isinstance(each.get("label"), str)]


def _opinion(value: dict[str, Any]) -> Opinion:
    time = value.get("time")
    if isinstance(time, dict):  # a date of BSON
        time = time.get("$date")
    return Opinion(value["label"], str(value.get("annotator") or "") or None, str(time or ""))
