"""The field that strokes follow: a colour and a direction at each pixel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator

from stylenet.styles.homage.geometry import Floats, in_polygon, unit
from stylenet.styles.homage.recipe import Discs, Plane


def sketch(planes: Sequence[Plane], size: tuple[int, int], rng: Generator) -> tuple[Floats, Floats]:
    """The field of `planes`: colours (H, W, 3), and directions (H, W, 2) as unit vectors (x, y)."""
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float32) / size[0]
    colour = np.zeros((*size, 3), np.float32)
    across = np.zeros((*size, 2), np.float32)
    for plane in planes:
        inside = np.full(size, True) if plane.outline is None else in_polygon((x, y), plane.outline)
        bent = (x, y)
        for bend in plane.bends:
            bent = bend(bent, rng)
        lines = bent[1]
        down, right = np.gradient(lines)
        colour[inside] = _palette_colour(plane, lines[inside])
        across[inside] = unit(np.stack([right, down], -1))[inside]
        for discs in plane.discs:
            for _ in range(discs.count):
                _add_disc(colour, across, discs, rng)
    across = unit(across)
    return colour, np.stack([-across[..., 1], across[..., 0]], -1)


def read(field: Floats, places: Floats) -> Floats:
    """Values (N, C) of `field` (H, W, C) at `places` (N, 2), which are (x, y) in pixels.

    A place outside the field reads the nearest pixel.
    """
    height, width = field.shape[:2]
    x, y = places.astype(int).T
    values: Floats = field[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]
    return values


def _palette_colour(plane: Plane, lines: Floats) -> Floats:
    """The palette's colours (N, 3) at the heights `lines` (N,) of the ruled sheet."""
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
    # A line has two senses. Flip the disc's direction where it opposes the sheet's.
    facing = np.sign(np.sum(outward * across[box], -1, keepdims=True))
    across[box] += np.minimum(1, 2 * cover) * (facing * unit(outward) - across[box])


def _rgb(colour: str) -> list[float]:
    return [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
