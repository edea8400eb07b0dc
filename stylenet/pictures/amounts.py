"""How far results may be changed afterwards. The options of commands tell these limits, too."""

from __future__ import annotations

from stylenet.pictures.sides import MAX_SIDE

MAX_SHARPEN = 100.0
"""The most that the unsharp mask takes: every edge is black and white long before."""

FEATHER = 8.0
"""Default number of pixels over which a region's edge fades: about the width of a stroke."""

MAX_FEATHER = float(MAX_SIDE)
"""The most pixels of it: the longer side of the largest picture."""
