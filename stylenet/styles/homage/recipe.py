"""The recipe of a homage: planes of bent lines, discs on the planes, a brush."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stylenet.styles.homage.bends import Bend
from stylenet.styles.homage.geometry import Place


@dataclass(frozen=True)
class Discs:
    """Round spots that strokes run around, such as suns, stars and spray.

    at: the centre;
    colours: from the middle to the rim;
    glow: the outer share of the radius, in [0, 1], that fades into the plane beneath;
    count: the number of discs. Several discs have random radii and lie around `at`;
    spread: the standard deviation of their places in x and y.
    """

    at: Place
    radius: float
    colours: Sequence[str]
    glow: float = 0.0
    count: int = 1
    spread: Place = (0.0, 0.0)


@dataclass(frozen=True)
class Plane:
    """A part of the picture with its own lines and colours.

    palette: (colour, share) of each band, in the order across the lines;
    repeats: how often the palette repeats within one height;
    bends: deformations of the lines. The first is applied to the coordinates of the picture;
    soft: from 0 for bands of pure colour to 1 for blended colours;
    outline: the corners of a polygon; None for the whole picture.
    """

    palette: Sequence[tuple[str, float]]
    repeats: float
    bends: Sequence[Bend]
    soft: float = 0.0
    outline: Sequence[Place] | None = None
    discs: Sequence[Discs] = ()


@dataclass(frozen=True)
class Brush:
    """How the paint is laid on.

    width, length: of the coarsest strokes. Finer strokes follow at a half and a quarter;
    scatter: standard deviation of the distance from a stroke's start to the source of its colour;
    jitter: standard deviation of lightness between strokes;
    relief: how strongly ridges of paint catch the light.
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
