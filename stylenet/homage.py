"""A painter of homages: brush strokes along a bent sheet of ruled lines (numpy only).

The sheet is ruled with level lines. Bends wave, swirl and shatter it; strokes run along the bent
lines and the palette changes across them, so motion and colour come from one field.

Lengths and places are in heights of the picture: y runs from 0 (top) to 1 (bottom), x from 0
(left) to width / height (right). Angles are degrees clockwise. Colours are sRGB '#rrggbb' in
recipes and [0, 1] inside.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Points = tuple[Floats, Floats]
Place = Sequence[float]

_LAYERS = ((1.0, 2.0), (0.5, 1.5), (0.25, 0.8))  # (share of the brush's size, coats of paint)
_STEPS = 12  # straight pieces in a curved stroke
_EDGE = 0.3  # a stroke ends where the sketch's colour differs by more (RGB distance)
_ZOOM = 2  # strokes are drawn at twice the size and averaged, for smooth edges
_SAMPLES_AT_ONCE = 1_000_000  # bounds the memory that a batch of strokes takes


class Bend(Protocol):
    """Moves the points (x, y), each (H, W), at which the ruled lines are read."""

    def __call__(self, points: Points, rng: Generator) -> Points: ...


@dataclass(frozen=True)
class Turn:
    """Lines run at `angle` to the horizontal."""

    angle: float

    def __call__(self, points: Points, rng: Generator) -> Points:
        return _turned(points, -math.radians(self.angle))


@dataclass(frozen=True)
class Wave:
    """Lines rise and fall by `height` every `length`."""

    length: float
    height: float

    def __call__(self, points: Points, rng: Generator) -> Points:
        x, y = points
        return x, y + self.height * np.sin(2 * math.pi * (x / self.length + rng.uniform()))


@dataclass(frozen=True)
class Drift:
    """Lines wander by about `height` within about `length`, in no particular direction."""

    length: float
    height: float

    def __call__(self, points: Points, rng: Generator) -> Points:
        x, y = points
        by_x, by_y = (self.height * _noise(points, self.length, rng) for _ in "xy")
        return x + by_x, y + by_y


@dataclass(frozen=True)
class Swirl:
    """Lines wind up about `at`, by `turns` in the middle and hardly at all beyond `radius`."""

    at: Place
    radius: float
    turns: float

    def __call__(self, points: Points, rng: Generator) -> Points:
        x, y = points[0] - self.at[0], points[1] - self.at[1]
        fade = np.exp(-2 * (x**2 + y**2) / self.radius**2)
        x, y = _turned((x, y), 2 * math.pi * self.turns * fade)
        return x + self.at[0], y + self.at[1]


@dataclass(frozen=True)
class Shards:
    """The sheet breaks into `count` cells (Voronoi), each turned and moved at random."""

    count: int

    def __call__(self, points: Points, rng: Generator) -> Points:
        x, y = points
        centres = rng.uniform((x.min(), y.min()), (x.max(), y.max()), (self.count, 2))
        cell = np.argmin([(x - u) ** 2 + (y - v) ** 2 for u, v in centres.tolist()], axis=0)
        x, y = _turned(points, rng.uniform(0, 2 * math.pi, self.count)[cell])
        return x, y + rng.uniform(0, 1, self.count)[cell]


@dataclass(frozen=True)
class Discs:
    """Suns, stars, spray: round spots that strokes run around.

    `colours` go from the middle to the rim. The outer share `glow` in [0, 1] of the radius fades
    into what lies beneath. Several (`count`) lie about `at` with the deviation `spread` in x and
    y, and their radii vary.
    """

    at: Place
    radius: float
    colours: Sequence[str]
    glow: float = 0.0
    count: int = 1
    spread: Place = (0.0, 0.0)


@dataclass(frozen=True)
class Plane:
    """A part of the picture with lines and colours of its own.

    palette: (colour, share) in the order in which one meets them when crossing the lines;
    repeats: how many times the palette is met within one height;
    bends: what happens to the lines, the first as seen on the picture;
    soft: from 0, bands of pure colour, to 1, colours that melt into each other;
    outline: corners of a polygon; None is everywhere.
    """

    palette: Sequence[tuple[str, float]]
    repeats: float
    bends: Sequence[Bend]
    soft: float = 0.0
    outline: Sequence[Place] | None = None
    discs: Sequence[Discs] = ()


@dataclass(frozen=True)
class Brush:
    """How paint is laid on.

    width, length: of the coarsest strokes; finer ones follow at a half and a quarter;
    scatter: how far from its start a stroke takes its colour (deviation);
    jitter: deviation of lightness between strokes; relief: how much ridges of paint catch light.
    """

    width: float
    length: float
    scatter: float
    jitter: float
    relief: float


@dataclass(frozen=True)
class Recipe:
    """A picture to paint: planes from back to front, and a brush."""

    planes: Sequence[Plane]
    brush: Brush


def paint(recipe: Recipe, size: tuple[int, int], seed: int) -> NDArray[np.uint8]:
    """Paint `recipe` at `size` (height, width) in pixels: uint8 (H, W, 3) sRGB.

    The same seed gives the same picture.
    """
    rng = np.random.default_rng(seed)
    colour, along = sketch(recipe.planes, size, rng)
    canvas = np.zeros((size[0] * _ZOOM, size[1] * _ZOOM, 4), np.float32)  # RGB, depth of paint
    canvas[..., :3] = colour.repeat(_ZOOM, 0).repeat(_ZOOM, 1)
    for share, coats in _LAYERS:
        _paint_layer(canvas, colour, along, recipe.brush, share, coats, rng)
    depth = canvas[..., 3:]
    slope = depth - np.roll(depth, (1, 1), axis=(0, 1))  # light falls from the upper left
    lit = canvas[..., :3] + recipe.brush.relief * slope
    small = lit.reshape(size[0], _ZOOM, size[1], _ZOOM, 3).mean((1, 3))  # (H, W, 3)
    picture: NDArray[np.uint8] = np.round(np.clip(small, 0, 1) * 255).astype(np.uint8)
    return picture


def sketch(planes: Sequence[Plane], size: tuple[int, int], rng: Generator) -> tuple[Floats, Floats]:
    """What the strokes follow: colour (H, W, 3) and their direction (H, W, 2), unit (x, y)."""
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float32) / size[0]
    colour = np.zeros((*size, 3), np.float32)
    across = np.zeros((*size, 2), np.float32)
    for plane in planes:
        inside = np.full(size, True) if plane.outline is None else _inside((x, y), plane.outline)
        bent = (x, y)
        for bend in plane.bends:
            bent = bend(bent, rng)
        lines = bent[1]
        down, right = np.gradient(lines)
        colour[inside] = _palette_colour(plane, lines[inside])
        across[inside] = _unit(np.stack([right, down], -1))[inside]
        for discs in plane.discs:
            for _ in range(discs.count):
                _add_disc(colour, across, discs, rng)
    across = _unit(across)
    return colour, np.stack([-across[..., 1], across[..., 0]], -1)


def _palette_colour(plane: Plane, lines: Floats) -> Floats:
    """The palette's colour (N, 3) at the heights `lines` (N,) of the ruled sheet."""
    shades = np.array([_rgb(colour) for colour, _ in plane.palette])
    shares = np.array([share for _, share in plane.palette])
    ends = np.cumsum(shares / shares.sum())
    phase = lines * plane.repeats % 1
    pure = shades[np.searchsorted(ends[:-1], phase)]
    middles = ends - np.diff(ends, prepend=0) / 2
    mixed = np.stack([np.interp(phase, middles, c, period=1) for c in shades.T], -1)
    colour: Floats = pure + plane.soft * (mixed - pure)
    return colour


def _add_disc(colour: Floats, across: Floats, discs: Discs, rng: Generator) -> None:
    height = len(colour)
    at_x, at_y = rng.normal(discs.at, discs.spread) * height
    radius = discs.radius * height * (1 if discs.count == 1 else rng.uniform(0.4, 1.6))
    box = tuple(
        slice(max(0, int(at - radius)), max(0, int(at + radius) + 2)) for at in (at_y, at_x)
    )
    y, x = np.mgrid[:height, : colour.shape[1]][(slice(None), *box)]
    outward = np.stack([x - at_x, y - at_y], -1) / radius
    r = np.linalg.norm(outward, axis=-1)
    cover = np.clip((1 - r) / max(discs.glow, 1 / radius), 0, 1)[..., None]
    shades = np.array([_rgb(shade) for shade in discs.colours])
    stops = np.linspace(0, 1, len(shades))
    own = np.stack([np.interp(r, stops, channel) for channel in shades.T], -1)
    colour[box] += cover * (own - colour[box])
    # Where the sheet's lines are crossed the other way, add the same line's other sense.
    facing = np.sign(np.sum(outward * across[box], -1, keepdims=True))
    across[box] += np.minimum(1, 2 * cover) * (facing * _unit(outward) - across[box])


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
    paths, reach = _trace(start, stroke[1], colour, along)
    pigment = _at(colour, start + rng.normal(0, brush.scatter * height, start.shape))  # (N, 3)
    pigment = pigment + rng.normal(0, brush.jitter, (count, 1))
    samples = math.ceil(_ZOOM * stroke[0]) * math.ceil(_ZOOM * stroke[1])
    for some in np.array_split(np.arange(count), 1 + count * samples // _SAMPLES_AT_ONCE):
        _draw(canvas, paths[some], reach[some], stroke, pigment[some], brush.jitter, rng)


def _trace(start: Floats, length: float, colour: Floats, along: Floats) -> tuple[Floats, Floats]:
    """Follow the direction from each start (N, 2): paths (N, S + 1, 2) in pixels (x, y).

    Also returns how many of the S steps each stroke goes before it meets an edge, (N,).
    """
    paths = np.repeat(start[:, None], _STEPS + 1, axis=1)
    same = np.full((len(start), _STEPS), True)
    heading, first = _at(along, start), _at(colour, start)
    for step in range(_STEPS):
        ahead = _at(along, paths[:, step])
        # A line has two senses: keep to the one the stroke came in.
        ahead = ahead * np.where(np.sum(ahead * heading, -1, keepdims=True) < 0, -1, 1)
        paths[:, step + 1] = paths[:, step] + ahead * (length / _STEPS)
        same[:, step] = np.linalg.norm(_at(colour, paths[:, step + 1]) - first, axis=-1) < _EDGE
        heading = ahead
    return paths, np.logical_and.accumulate(same, axis=1).sum(1)


def _draw(
    canvas: Floats,
    paths: Floats,
    reach: Floats,
    stroke: tuple[float, float],
    pigment: Floats,
    jitter: float,
    rng: Generator,
) -> None:
    """Fill a ribbon of bristles along each path; a later stroke covers an earlier one."""
    width, length = stroke
    s = np.linspace(0, _STEPS, math.ceil(1.2 * _ZOOM * length))  # along, in steps: (A,)
    t = np.linspace(-1, 1, math.ceil(1.2 * _ZOOM * width))  # across: (B,)
    step = np.minimum(s.astype(int), _STEPS - 1)
    pieces = np.diff(paths, axis=1)[:, step]  # (N, A, 2)
    middle = paths[:, step] + (s - step)[:, None] * pieces
    side = _unit(np.stack([-pieces[..., 1], pieces[..., 0]], -1)) * width / 2
    x, y = (
        (_ZOOM * (middle[..., axis, None] + t * side[..., axis, None])).astype(int)  # (N, A, B)
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


def _at(field: Floats, places: Floats) -> Floats:
    """`field` (H, W, C) at `places` (N, 2) in pixels (x, y); outside, at the nearest pixel."""
    height, width = field.shape[:2]
    x, y = places.astype(int).T
    values: Floats = field[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]
    return values


def _noise(points: Points, length: float, rng: Generator) -> Floats:
    """Smooth noise of mean 0 and deviation 1: a dozen plane waves about `length` long."""
    total = np.zeros_like(points[0])
    for _ in range(12):
        x, _y = _turned(points, rng.uniform(0, 2 * math.pi))
        total += np.sin(2 * math.pi * (x / (length * rng.uniform(0.7, 1.4)) + rng.uniform()))
    return total / math.sqrt(6)


def _inside(points: Points, outline: Sequence[Place]) -> NDArray[np.bool_]:
    """Which points lie in the polygon: a ray from there crosses an odd number of its sides."""
    x, y = points
    odd = np.zeros(x.shape, bool)
    for (x0, y0), (x1, y1) in zip(outline, [*outline[1:], outline[0]], strict=True):
        if y0 != y1:
            odd ^= ((y0 > y) != (y1 > y)) & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    return odd


def _turned(points: Points, angle: float | Floats) -> Points:
    """`points` turned about the origin by `angle` in radians, clockwise as y points down."""
    x, y = points
    cos, sin = np.cos(angle), np.sin(angle)
    return cos * x - sin * y, sin * x + cos * y


def _unit(vectors: Floats) -> Floats:
    unit: Floats = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
    return unit


def _rgb(colour: str) -> list[float]:
    return [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
