"""Painting: layers of ever finer strokes over the sketch, lit from the upper left."""

from __future__ import annotations

import math

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from stylenet.styles.homage.field import read, sketch
from stylenet.styles.homage.geometry import Floats
from stylenet.styles.homage.recipe import Brush, Recipe
from stylenet.styles.homage.strokes import ZOOM, draw, trace

_LAYERS = ((1.0, 2.0), (0.5, 1.5), (0.25, 0.8))  # (share of the brush's size, coats of paint)
_SAMPLES_AT_ONCE = 1_000_000  # bounds the memory that a batch of strokes takes


def paint(recipe: Recipe, size: tuple[int, int], seed: int) -> NDArray[np.uint8]:
    """Paint `recipe` at the `size` (height, width) in pixels, as uint8 (H, W, 3) sRGB.

    The same seed gives the same picture.
    """
    rng = np.random.default_rng(seed)
    colour, along = sketch(recipe.planes, size, rng)
    canvas = np.zeros((size[0] * ZOOM, size[1] * ZOOM, 4), np.float32)  # RGB, depth of paint
    canvas[..., :3] = colour.repeat(ZOOM, 0).repeat(ZOOM, 1)
    for share, coats in _LAYERS:
        _paint_layer(canvas, colour, along, recipe.brush, share, coats, rng)
    depth = canvas[..., 3:]
    slope = depth - np.roll(depth, (1, 1), axis=(0, 1))  # light falls from the upper left
    lit = canvas[..., :3] + recipe.brush.relief * slope
    small = lit.reshape(size[0], ZOOM, size[1], ZOOM, 3).mean((1, 3))  # (H, W, 3)
    picture: NDArray[np.uint8] = np.round(np.clip(small, 0, 1) * 255).astype(np.uint8)
    return picture


def _paint_layer(
    canvas: Floats,
    colour: Floats,
    along: Floats,
    brush: Brush,
    share: float,
    coats: float,
    rng: Generator,
) -> None:
    height, width = colour.shape[:2]
    stroke = (max(2.0, share * brush.width * height), max(4.0, share * brush.length * height))
    count = math.ceil(coats * height * width / (stroke[0] * stroke[1]))
    start = rng.uniform((0, 0), (width, height), (count, 2))
    paths, reach = trace(start, stroke[1], colour, along)
    pigment = read(colour, start + rng.normal(0, brush.scatter * height, start.shape))  # (N, 3)
    pigment = pigment + rng.normal(0, brush.jitter, (count, 1))
    samples = math.ceil(ZOOM * stroke[0]) * math.ceil(ZOOM * stroke[1])
    for some in np.array_split(np.arange(count), 1 + count * samples // _SAMPLES_AT_ONCE):
        draw(canvas, paths[some], reach[some], stroke, pigment[some], brush.jitter, rng)
