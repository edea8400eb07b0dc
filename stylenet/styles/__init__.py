"""Style pictures: the shipped styles, a user's own pictures, and homages that replace originals.

An imported package takes the place of a function of its name, so this one can be called, too:
``stylenet.styles()``.
"""

import sys
from types import ModuleType

from stylenet.styles.known import known_styles
from stylenet.styles.picture import Style

__all__ = ["Style"]  # configs name stylenet.styles.Style


class _Styles(ModuleType):
    def __call__(self) -> list[str]:
        """The names of the shipped styles."""
        return known_styles()


sys.modules[__name__].__class__ = _Styles
