"""Everything that belongs to one project; ``Project`` holds it together.

Names are loaded when they are used: ``__init__.pyi`` says where each is.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
