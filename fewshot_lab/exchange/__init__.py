"""Labels, predictions and embeddings to and from the files of other tools."""

from fewshot_lab.exchange.formats import FORMATS, Format, FormatName
from fewshot_lab.exchange.going_in import TakenIn, take_in
from fewshot_lab.exchange.going_out import WrittenOut, write_out

__all__ = ["FORMATS", "Format", "FormatName", "TakenIn", "WrittenOut", "take_in", "write_out"]
