"""Labels, predictions and embeddings to and from the files of other tools."""

from fewshot_lab.exchange.formats import FORMATS, FormatName
from fewshot_lab.exchange.going_in import Incoming, read_labels, take_in
from fewshot_lab.exchange.going_out import write_out
from fewshot_lab.exchange.slides_in import OutlinePreview, label_by_outlines, preview_outlines
from fewshot_lab.exchange.slides_out import SLIDE_KINDS, SlideKind, write_slides
