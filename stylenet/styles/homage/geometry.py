"""Points and directions on the sheet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Points = tuple[Floats, Floats]
Place = Sequence[float]


def turned(points: Points, angle: float | Floats) -> Points:
    """`points` turned about the origin by `angle` in radians. It is clockwise, as y points down."""
    x, y = points
    cos, sin = np.cos(angle), np.sin(angle)
    return cos * x - sin * y, sin * x + cos * y


def unit(vectors: Floats) -> Floats:
    """`vectors` (..., 2) scaled to length 1; a zero vector stays zero."""
    scaled: Floats = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
    return scaled


def in_polygon(points: Points, outline: Sequence[Place]) -> NDArray[np.bool_]:
    """Which points lie in the polygon: a ray from such a point crosses an odd number of sides."""
    x, y = points
    odd = np.zeros(x.shape, bool)
    for (x0, y0), (x1, y1) in zip(outline, [*outline[1:], outline[0]], strict=True):
        if y0 != y1:
            odd ^= ((y0 > y) != (y1 > y)) & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    return odd
