"""The label page: map, grid, classes and the truth along the bottom."""

from fewshot_lab.ui.empty import project_or_stop
from fewshot_lab.ui.session import annotator
from fewshot_lab.ui.workspace import label_page

label_page(project_or_stop(), annotator())
