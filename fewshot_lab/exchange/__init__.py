"""Labels and predictions to and from the files of other tools: Label Studio, COCO, CVAT."""

from fewshot_lab.exchange.going_in import TakenIn, take_in
from fewshot_lab.exchange.going_out import WrittenOut, write_out
from fewshot_lab.exchange.pictures import FORMATS, Format

__all__ = ["FORMATS", "Format", "TakenIn", "WrittenOut", "take_in", "write_out"]
