"""The classifier as a bundle that works without the app, and predicting with it.

Names are loaded when they are used: ``__init__.pyi`` says where each is.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
