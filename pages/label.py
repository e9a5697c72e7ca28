"""The label page: map, grid, classes and the truth along the bottom."""

from fewshot_lab.ui.empty import project_or_stop
from fewshot_lab.ui.label_component import label_page
from fewshot_lab.ui.session import annotator

label_page(project_or_stop(), annotator())
