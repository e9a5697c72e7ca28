"""Fewshot Lab: from unlabelled medical images to a trustworthy classifier in an afternoon.

Names are loaded when they are used, so that ``--help`` stays quick: ``__init__.pyi`` says where
each is.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
