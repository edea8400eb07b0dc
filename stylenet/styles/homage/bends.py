"""Bends: the ways to deform the ruled lines of a plane."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.random import Generator

from stylenet.styles.homage.geometry import Floats, Place, Points, turned


class Bend(Protocol):
    """Moves the points (x, y), each (H, W), at which the ruled lines are read."""

    def __call__(self, points: Points, rng: Generator) -> Points: ...


@dataclass(frozen=True)
class Turn:
    """Turns the lines by `angle` from the horizontal."""

    angle: float

    def __call__(self, points: Points, rng: Generator) -> Points:
        return turned(points, -math.radians(self.angle))


@dataclass(frozen=True)
class Wave:
    """Makes the lines rise and fall by `height` every `length`."""

    length: float
    height: float

    def __call__(self, points: Points, rng: Generator) -> Points:
        x, y = points
        return x, y + self.height * np.sin(2 * math.pi * (x / self.length + rng.uniform()))


@dataclass(frozen=True)
class Drift:
    """Makes the lines wander by about `height` within about `length`, in random directions."""

    length: float
    height: float

    def __call__(self, points: Points, rng: Generator) -> Points:
        x, y = points
        by_x, by_y = (self.height * _noise(points, self.length, rng) for _ in "xy")
        return x + by_x, y + by_y


@dataclass(frozen=True)
class Swirl:
    """Winds the lines around `at`: by `turns` in the middle, hardly at all beyond `radius`."""

    at: Place
    radius: float
    turns: float

    def __call__(self, points: Points, rng: Generator) -> Points:
        x, y = points[0] - self.at[0], points[1] - self.at[1]
        fade = np.exp(-2 * (x**2 + y**2) / self.radius**2)
        x, y = turned((x, y), 2 * math.pi * self.turns * fade)
        return x + self.at[0], y + self.at[1]


@dataclass(frozen=True)
class Shards:
    """Breaks the sheet into `count` Voronoi cells, each turned and moved at random."""

    count: int

    def __call__(self, points: Points, rng: Generator) -> Points:
        x, y = points
        centres = rng.uniform((x.min(), y.min()), (x.max(), y.max()), (self.count, 2))
        cell = np.argmin([(x - u) ** 2 + (y - v) ** 2 for u, v in centres.tolist()], axis=0)
        x, y = turned(points, rng.uniform(0, 2 * math.pi, self.count)[cell])
        return x, y + rng.uniform(0, 1, self.count)[cell]


def _noise(points: Points, length: float, rng: Generator) -> Floats:
    """Smooth noise of mean 0 and deviation 1: the sum of twelve plane waves of about `length`."""
    total = np.zeros_like(points[0])
    for _ in range(12):
        x, _y = turned(points, rng.uniform(0, 2 * math.pi))
        total += np.sin(2 * math.pi * (x / (length * rng.uniform(0.7, 1.4)) + rng.uniform()))
    return total / math.sqrt(6)
