"""From images to embeddings, their index and their map.

The shards are the one source; index and map can be deleted and rebuilt at any time.
"""

from fewshot_lab.embeddings.claims import alone
from fewshot_lab.embeddings.decoding import ImageItem, decode_image
from fewshot_lab.embeddings.device import part_of_run
from fewshot_lab.embeddings.embedding_run import EmbedReport, embed
from fewshot_lab.embeddings.embeddings import Embeddings, open_embeddings
from fewshot_lab.embeddings.index import EXACT_UP_TO, Index, build_index
from fewshot_lab.embeddings.map_file import Map, load_map, make_map, map_stamp, save_map
from fewshot_lab.embeddings.map_layout import Layout, pca_map, place_new
from fewshot_lab.embeddings.neighbours import PairSearch, neighbour_graph
from fewshot_lab.embeddings.pixel_copies import (
    COPY_SIDE,
    copies_by_block,
    describe_picture,
    find_copies,
)
from fewshot_lab.embeddings.stored_index import StoredIndex, build_part
from fewshot_lab.embeddings.stored_vectors import StoredVectors
from fewshot_lab.embeddings.umap_layout import umap_map
