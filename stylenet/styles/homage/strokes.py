"""Strokes: the path of each stroke, and the ribbon of bristles that it leaves."""

from __future__ import annotations

import math

import numpy as np
from numpy.random import Generator

from stylenet.styles.homage.field import read
from stylenet.styles.homage.geometry import Floats, unit

ZOOM = 2  # strokes are drawn at twice the size and then averaged, for smooth edges
_STEPS = 12  # straight pieces of a curved stroke
_EDGE = 0.3  # RGB distance from the colour at the start; a stroke ends at a larger distance


def trace(start: Floats, length: float, colour: Floats, along: Floats) -> tuple[Floats, Floats]:
    """Follow the directions `along` from each start.

    Args:
        start: (N, 2), as (x, y) in pixels.
        length: of a stroke, in pixels.
        colour: (H, W, 3). along: (H, W, 2).

    Returns:
        The paths (N, S + 1, 2) of S steps each, and the number of steps before an edge, (N,).
    """
    paths = np.repeat(start[:, None], _STEPS + 1, axis=1)
    same = np.full((len(start), _STEPS), True)
    heading, first = read(along, start), read(colour, start)
    for step in range(_STEPS):
        ahead = read(along, paths[:, step])
        # A line has two senses. Keep the sense of the step before.
        ahead = ahead * np.where(np.sum(ahead * heading, -1, keepdims=True) < 0, -1, 1)
        paths[:, step + 1] = paths[:, step] + ahead * (length / _STEPS)
        same[:, step] = np.linalg.norm(read(colour, paths[:, step + 1]) - first, axis=-1) < _EDGE
        heading = ahead
    return paths, np.logical_and.accumulate(same, axis=1).sum(1)


def draw(
    canvas: Floats,
    paths: Floats,
    reach: Floats,
    stroke: tuple[float, float],
    pigment: Floats,
    jitter: float,
    rng: Generator,
) -> None:
    """Fill a ribbon of bristles along each path. Later strokes cover earlier strokes.

    Args:
        canvas: RGB and depth of paint, (ZOOM * H, ZOOM * W, 4), changed in place.
        paths, reach: the results of `trace`.
        stroke: (width, length) in pixels.
        pigment: (N, 3).
        jitter: the brush's.
    """
    width, length = stroke
    s = np.linspace(0, _STEPS, math.ceil(1.2 * ZOOM * length))  # along, in steps: (A,)
    t = np.linspace(-1, 1, math.ceil(1.2 * ZOOM * width))  # across: (B,)
    step = np.minimum(s.astype(int), _STEPS - 1)
    pieces = np.diff(paths, axis=1)[:, step]  # (N, A, 2)
    middle = paths[:, step] + (s - step)[:, None] * pieces
    side = unit(np.stack([-pieces[..., 1], pieces[..., 0]], -1)) * width / 2
    x, y = (
        (ZOOM * (middle[..., axis, None] + t * side[..., axis, None])).astype(int)  # (N, A, B)
        for axis in (0, 1)
    )
    done = s / np.maximum(reach, 0.1)[:, None]  # (N, A), 1 at the stroke's end
    half = np.sqrt(np.clip(1 - (2 * done - 1) ** 4, 0, None))  # round ends
    wet = (np.abs(t) <= half[..., None]) & (done < 1)[..., None]
    wet &= (x >= 0) & (y >= 0) & (x < canvas.shape[1]) & (y < canvas.shape[0])
    bristles = rng.normal(0, 0.5, (len(paths), 1, len(t), 1))
    tone = pigment[:, None, None] + jitter * bristles
    depth = np.broadcast_to(1 - t[:, None] ** 2, bristles.shape) + bristles
    paint_laid = np.concatenate([tone, depth], -1).astype(np.float32)  # (N, 1, B, 4)
    canvas[y[wet], x[wet]] = np.broadcast_to(paint_laid, (*wet.shape, 4))[wet]
