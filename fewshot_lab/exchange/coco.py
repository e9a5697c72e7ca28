"""COCO: a category for a whole image, as annotations without box and outline."""

import json
from pathlib import Path

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.exchange.files import read_json, records, rectangle
from fewshot_lab.exchange.pictures import Contents, Opinion, Outgoing
from fewshot_lab.files import write_atomically


def write(file: Path, outgoing: Outgoing) -> None:
    """Write pictures and what people say of them, annotator and time as attributes."""
    pictures = outgoing.pictures
    names = dict.fromkeys(opinion.label for each in pictures for opinion in each.opinions)
    category = {name: number for number, name in enumerate(names, 1)}
    opinions = [
        (number, opinion) for number, each in enumerate(pictures, 1) for opinion in each.opinions
    ]
    written = {
        "info": {"description": "Labels of whole images, from Fewshot Lab", **outgoing.about},
        "licenses": [],
        "categories": [
            {"id": number, "name": name, "supercategory": ""} for name, number in category.items()
        ],
        "images": [
            {"id": number, "file_name": each.path, "width": each.width, "height": each.height}
            for number, each in enumerate(pictures, 1)
        ],
        "annotations": [
            {
                "id": number,
                "image_id": image,
                "category_id": category[opinion.label],
                "attributes": {"annotator": opinion.annotator, "time": opinion.time},
            }
            for number, (image, opinion) in enumerate(opinions, 1)
        ],
    }
    write_atomically(file, json.dumps(written, indent=1).encode())


def read(file: Path) -> Contents:
    """Return the annotations of whole images and of boxes; outlines alone are counted.

    An outline with its box, as most tools write it, counts as the box.

    Raises
    ------
    FewshotLabError
        Where it is another format.
    """
    content = read_json(file)
    lists = ("images", "annotations", "categories")
    if not isinstance(content, dict) or not all(isinstance(content.get(k), list) for k in lists):
        raise FewshotLabError(
            f"{file.name} is not a COCO file: it must have the lists {', '.join(lists)}."
        )
    paths = {str(each.get("id")): each.get("file_name") for each in records(content, "images")}
    names = {str(each.get("id")): each.get("name") for each in records(content, "categories")}
    opinions, other = [], 0
    for each in records(content, "annotations"):
        box = rectangle(each.get("bbox"))
        parts = ("bbox", "segmentation", "keypoints", "caption")
        if box is None and any(each.get(part) for part in parts):
            other += 1
            continue
        path, name = paths.get(str(each.get("image_id"))), names.get(str(each.get("category_id")))
        if not isinstance(path, str) or not isinstance(name, str):
            raise FewshotLabError(
                f"{file.name}: annotation {each.get('id')} names an image or a category that the "
                "file does not list. Was it put together from several files?"
            )
        attributes = each["attributes"] if isinstance(each.get("attributes"), dict) else {}
        annotator = str(attributes.get("annotator") or "").strip() or None
        opinion = Opinion(name, annotator, str(attributes.get("time") or ""))
        opinions.append((path, box, opinion))
    return Contents(opinions, other)
