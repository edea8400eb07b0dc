"""A painter of homages: brush strokes along a bent sheet of ruled lines (numpy only).

The sheet is ruled with level lines. Bends wave, swirl and shatter the sheet. Strokes run along the
bent lines, and the palette changes across the lines. So motion and colour come from one field.

The unit of length is the height of the picture: y runs from 0 (top) to 1 (bottom), x from 0 (left)
to width / height (right). Angles are degrees clockwise. Colours are sRGB, '#rrggbb' in recipes and
[0, 1] in the code.
"""

from stylenet.styles.homage.bends import Bend, Drift, Shards, Swirl, Turn, Wave
from stylenet.styles.homage.field import sketch
from stylenet.styles.homage.painting import paint
from stylenet.styles.homage.recipe import Brush, Discs, Plane, Recipe

__all__ = [
    "Bend",
    "Brush",
    "Discs",
    "Drift",
    "Plane",
    "Recipe",
    "Shards",
    "Swirl",
    "Turn",
    "Wave",
    "paint",
    "sketch",
]
