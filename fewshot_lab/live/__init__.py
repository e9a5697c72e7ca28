"""The labelling session: labels in, a background refit, a snapshot out; what each may see."""

from fewshot_lab.live.blinded_data import (
    disagreeing_images,
    images_to_decide,
    shared_opinions,
    visible_column,
    visible_facts,
    visible_labels,
    visible_neighbours,
    visible_search,
)
from fewshot_lab.live.blinding import Visibility, visibility_of
from fewshot_lab.live.column_values import NO_VALUE, read_column
from fewshot_lab.live.image_flags import visible_annotators, visible_flags
from fewshot_lab.live.image_scores import NO_CLASS, UNLIKE, image_scores
from fewshot_lab.live.label_codes import AUDIT, FIRST_CLASS, KIND_MASK, MACHINE
from fewshot_lab.live.labelling_conditions import LabellingConditions
from fewshot_lab.live.page_state import REREAD_SECONDS, PageState, forget, page_state_of
from fewshot_lab.live.piles import SURE, Pile, piles_of, seen_alone
from fewshot_lab.live.session import LiveSession
from fewshot_lab.live.slide_index import SlideIndex, slide_index
from fewshot_lab.live.snapshot import Snapshot
from fewshot_lab.live.suggestion_list import suggestion_list
