"""Images: found in what the user brings, read to 8-bit RGB, named by their pixels."""

from fewshot_lab.images.boxes import Box, BoxList, load_boxes
from fewshot_lab.images.candidates import Candidate, ExaminedImage, Refused, Scan
from fewshot_lab.images.dicom import GROUP_FIELDS
from fewshot_lab.images.dicom_copy import dicom_values_only
from fewshot_lab.images.dicom_presence import holds_dicom, named_dicom
from fewshot_lab.images.errors import UnreadableImage
from fewshot_lab.images.examination import examine
from fewshot_lab.images.file_types import (
    BOX_SUFFIX,
    has_picture_suffix,
    is_tile_grid,
    kind_of,
)
from fewshot_lab.images.grey_values import GreyValues, Window
from fewshot_lab.images.import_roots import ImportRoots, import_roots, set_import_roots
from fewshot_lab.images.manifest import ManifestColumns, guess_columns, read_header, read_table
from fewshot_lab.images.pixels_only import pixels_only
from fewshot_lab.images.reading import (
    count_frames,
    make_thumbnail,
    pixel_id,
    read_grey_values,
    read_rgb,
)
from fewshot_lab.images.scanning import scan
from fewshot_lab.images.slice_step import SliceStep
from fewshot_lab.images.slides import Tiling, TissueRule, pixel_file
from fewshot_lab.images.volume_scan import PREFIXES, VOLUME
from fewshot_lab.images.volumes import SERIES, Slice, Volume, VolumeRules

__all__ = [
    "BOX_SUFFIX",
    "GROUP_FIELDS",
    "PREFIXES",
    "SERIES",
    "VOLUME",
    "Box",
    "BoxList",
    "Candidate",
    "ExaminedImage",
    "GreyValues",
    "ImportRoots",
    "ManifestColumns",
    "Refused",
    "Scan",
    "Slice",
    "SliceStep",
    "Tiling",
    "TissueRule",
    "UnreadableImage",
    "Volume",
    "VolumeRules",
    "Window",
    "count_frames",
    "dicom_values_only",
    "examine",
    "guess_columns",
    "has_picture_suffix",
    "holds_dicom",
    "import_roots",
    "is_tile_grid",
    "kind_of",
    "load_boxes",
    "make_thumbnail",
    "named_dicom",
    "pixel_file",
    "pixel_id",
    "pixels_only",
    "read_grey_values",
    "read_header",
    "read_rgb",
    "read_table",
    "scan",
    "set_import_roots",
]
