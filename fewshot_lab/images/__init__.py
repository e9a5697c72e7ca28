"""Images: found in what the user brings, read to 8-bit RGB, named by their pixels."""

from fewshot_lab.images.boxes import Box, BoxList, load_boxes
from fewshot_lab.images.candidates import Candidate, ExaminedImage, PassedOver, Refused, Scan
from fewshot_lab.images.clip_file import blackened, clip_files, load_clip
from fewshot_lab.images.clip_scan import INTERLACED, TIME
from fewshot_lab.images.clip_survey import ClipPlan, find_clips, first_frame, plan_clip
from fewshot_lab.images.clips import cine_times, is_clip
from fewshot_lab.images.dicom import GROUP_FIELDS
from fewshot_lab.images.dicom_copy import dicom_values_only, pixels_of
from fewshot_lab.images.dicom_presence import holds_dicom, holds_slices, named_dicom
from fewshot_lab.images.dicom_slices import SliceHeader, header_of
from fewshot_lab.images.dicom_video import is_video
from fewshot_lab.images.errors import UnreadableImage
from fewshot_lab.images.examination import examine
from fewshot_lab.images.file_pictures import WHOLE_SLIDE
from fewshot_lab.images.file_types import (
    BOX_SUFFIX,
    CLIP_SUFFIX,
    DICOM_SUFFIXES,
    has_picture_suffix,
    is_clip_file,
    is_tile_grid,
    kind_of,
)
from fewshot_lab.images.frame_choice import ALL, CHANGES, ClipSettings, read_box, read_frames
from fewshot_lab.images.grey_values import GreyValues
from fewshot_lab.images.import_roots import import_roots, set_import_roots
from fewshot_lab.images.manifest import ManifestColumns, guess_columns, read_header, read_table
from fewshot_lab.images.pixels_only import pixels_only
from fewshot_lab.images.reading import (
    count_frames,
    make_thumbnail,
    pixel_id,
    read_grey_values,
    read_rgb,
)
from fewshot_lab.images.references import is_reference, pixel_file
from fewshot_lab.images.scanning import scan
from fewshot_lab.images.slice_step import SliceStep
from fewshot_lab.images.slides import Tiling, TissueRule
from fewshot_lab.images.volume_scan import PREFIXES, VOLUME, slice_columns
from fewshot_lab.images.volumes import SERIES, STUDY, Slice, Volume, VolumeRules, stacked
