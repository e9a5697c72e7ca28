"""What to label next, and what is drawn by chance to measure."""

from fewshot_lab.sampling.chooser import Suggestion
from fewshot_lab.sampling.gaps import Confounder
from fewshot_lab.sampling.pair import suggest_between
from fewshot_lab.sampling.piles import find_piles
from fewshot_lab.sampling.strategies import DEFAULT as DEFAULT_STRATEGY
from fewshot_lab.sampling.strategies import GAPS, OF_CONFOUNDERS, STRATEGIES, suggest_by
from fewshot_lab.sampling.successive_sampling import (
    draw_further,
    draw_units,
    images_per_group,
    read_design,
    write_more,
    write_strata,
)
from fewshot_lab.sampling.suggestions import BATCH, COLD_LABELS_PER_CLASS
