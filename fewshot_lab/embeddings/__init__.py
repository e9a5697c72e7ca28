"""From images to embeddings, their index and their map.

The shards are the one source; index and map can be deleted and rebuilt at any time.
"""

from fewshot_lab.embeddings._decode import ImageItem
from fewshot_lab.embeddings._embed import EmbedReport, embed
from fewshot_lab.embeddings._embeddings import Embeddings, open_embeddings

__all__ = ["EmbedReport", "Embeddings", "ImageItem", "embed", "open_embeddings"]
