"""What to paint: planes of bent lines, discs on them, a brush."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stylenet.styles.homage.bends import Bend
from stylenet.styles.homage.geometry import Place


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
