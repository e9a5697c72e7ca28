"""CVAT: XML "for images 1.1", a tag for a whole image."""

import re
from pathlib import Path
from xml.etree import ElementTree

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.exchange.files import read_xml, rectangle
from fewshot_lab.exchange.pictures import Contents, Opinion, Outgoing, Rectangle
from fewshot_lab.files import write_atomically

_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def write(file: Path, outgoing: Outgoing) -> None:
    """Write pictures and what people say of them, annotator and time as attributes.

    Raises
    ------
    FewshotLabError
        Where a file's name has a character that XML cannot hold.
    """
    pictures = outgoing.pictures
    root = ElementTree.Element("annotations")
    ElementTree.SubElement(root, "version").text = "1.1"
    meta = ElementTree.SubElement(root, "meta")
    task = ElementTree.SubElement(meta, "task")
    ElementTree.SubElement(meta, "log").text = outgoing.about["log"]
    labels = ElementTree.SubElement(task, "labels")
    for name in dict.fromkeys(opinion.label for each in pictures for opinion in each.opinions):
        label = ElementTree.SubElement(labels, "label")
        ElementTree.SubElement(label, "name").text = name
        ElementTree.SubElement(label, "type").text = "tag"
        attributes = ElementTree.SubElement(label, "attributes")
        for key in ("annotator", "time"):
            attribute = ElementTree.SubElement(attributes, "attribute")
            for part, text in (("name", key), ("mutable", "False"), ("input_type", "text")):
                ElementTree.SubElement(attribute, part).text = text
            for part in ("default_value", "values"):
                ElementTree.SubElement(attribute, part)
    for number, each in enumerate(pictures):
        if _NOT_IN_XML.search(each.path):
            raise FewshotLabError(
                f"The name of {each.path!r} has a character that CVAT's XML cannot hold: rename "
                "the file, or write another format."
            )
        image = ElementTree.SubElement(
            root,
            "image",
            id=str(number),
            name=each.path,
            width=str(each.width),
            height=str(each.height),
        )
        for opinion in each.opinions:
            tag = ElementTree.SubElement(image, "tag", label=opinion.label, source="manual")
            for key, text in (("annotator", opinion.annotator or ""), ("time", opinion.time)):
                ElementTree.SubElement(tag, "attribute", name=key).text = text
    ElementTree.indent(root)
    write_atomically(file, ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def read(file: Path) -> Contents:
    """Return the tags of images and the boxes on them; outlines are counted.

    Raises
    ------
    FewshotLabError
        Where it is another format.
    """
    root = read_xml(file)
    if root.tag != "annotations" or root.find("image") is None:
        raise FewshotLabError(
            f"{file.name} is not a CVAT file with images: export as “CVAT for images 1.1”."
        )
    opinions, other = [], 0
    for image in root.iter("image"):
        for drawn in image:
            box = _box(drawn)
            if drawn.tag != "tag" and box is None:
                other += 1
                continue
            attributes = {each.get("name"): each.text or "" for each in drawn.iter("attribute")}
            annotator = attributes.get("annotator", "").strip() or None
            opinion = Opinion(drawn.get("label", ""), annotator, attributes.get("time", ""))
            opinions.append((image.get("name", ""), box, opinion))
    return Contents(opinions, other)


def _box(drawn: ElementTree.Element) -> Rectangle | None:
    """Return a box that lies straight."""
    if drawn.tag != "box" or drawn.get("rotation", "").strip("0."):
        return None
    corners = rectangle([drawn.get(name) for name in ("xtl", "ytl", "xbr", "ybr")])
    if corners is None:
        return None
    left, top, right, bottom, _ = corners
    return Rectangle(left, top, right - left, bottom - top)
