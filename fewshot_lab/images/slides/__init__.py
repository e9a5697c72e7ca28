"""Whole slides: which files they are, their levels, their tissue, and the tiles cut from them."""

from fewshot_lab.images.file_types import GRID_SUFFIX
from fewshot_lab.images.slides.candidates import SLIDE_COLUMN, tile_candidates
from fewshot_lab.images.slides.grid_files import load_grid, relink_grid
from fewshot_lab.images.slides.presence import FoundSlide, slides_in
from fewshot_lab.images.slides.reader import open_slide
from fewshot_lab.images.slides.slide_files import is_slide, slide_series
from fewshot_lab.images.slides.tile_grid import TileGrid
from fewshot_lab.images.slides.tiling import Tiling, TissueRule
