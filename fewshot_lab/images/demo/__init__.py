"""A demo set made on the spot: peripheral blood cells drawn by procedure, no patient's image."""

from fewshot_lab.images.demo.drawing import CELL_TYPES, draw_demo
