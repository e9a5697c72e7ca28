"""Labels, predictions and embeddings to and from the files of other tools."""

from fewshot_lab.exchange.annotations import Outlines, covered, read_outlines
from fewshot_lab.exchange.formats import FORMATS, Format, FormatName
from fewshot_lab.exchange.going_in import Incoming, TakenIn, read_labels, take_in
from fewshot_lab.exchange.going_out import WrittenOut, write_out
from fewshot_lab.exchange.heat_map import write_heat_map
from fewshot_lab.exchange.slides_in import OutlinePreview, label_by_outlines, preview_outlines
from fewshot_lab.exchange.slides_out import (
    SLIDE_KINDS,
    SlideKind,
    WrittenSlides,
    slides_csv,
    write_slides,
)

__all__ = [
    "FORMATS",
    "SLIDE_KINDS",
    "Format",
    "FormatName",
    "Incoming",
    "OutlinePreview",
    "Outlines",
    "SlideKind",
    "TakenIn",
    "WrittenOut",
    "WrittenSlides",
    "covered",
    "label_by_outlines",
    "preview_outlines",
    "read_labels",
    "read_outlines",
    "slides_csv",
    "take_in",
    "write_heat_map",
    "write_out",
    "write_slides",
]
