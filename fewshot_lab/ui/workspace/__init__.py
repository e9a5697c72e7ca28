"""The label page: one component; its parts are the modules in ``static/``."""

from fewshot_lab.ui.workspace._component import label_page

__all__ = ["label_page"]
