"""Flaws that a net may leave in any style: a weave, and a border unlike the interior."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from stylenet.pictures.color import luma, to_floats
from stylenet.pictures.images import Bytes

_WINDOW = 64
"""Side of squares in pixels. They overlap by half; their spectra are averaged (Welch 1967)."""

_GRID = 8
"""Pixels. The features of a net and of VGG's first blocks repeat every 2, 4 or 8 pixels, so a weave
that is bound to them has its lines at multiples of 1/8 cycle per pixel."""

_RING = 3
"""Bins from a line to its surroundings. The Hann window's main lobe reaches two."""

_BAND = 1 / 32
"""Width of the border band over the shorter side: 8 pixels of 256. The padding of a net's first and
last layers reaches about so far."""

_INVISIBLE = 0.1
"""A colour distance too small to see, in CIEDE2000. Added to two invisible distances, it keeps
their ratio near 1."""


def grid_lines(rgb: Bytes) -> dict[str, float]:
    """How far the luma's spectrum rises at the frequencies of the pixel grid.

    A net that upsamples unevenly leaves a checkerboard (Odena et al. 2016, "Deconvolution and
    Checkerboard Artifacts"). A net that has nothing to paint on flat parts may leave a weave.

    Args:
        rgb: uint8 (H, W, 3), sides of at least 64 pixels.

    Returns:
        ``lines`` and ``peak``: power at multiples of 1/8 cycle per pixel over the median power
        around it, the mean and the highest. Photos have about 1.1 and 3.5.
    """
    power = _spectrum(luma(to_floats(rgb))) + np.finfo(np.float32).eps  # flat pictures have none
    places = [(y, x) for y in _LINES for x in _LINES if y or x]
    ratios = [power[place] / _around(power, *place) for place in places]
    return {"lines": float(np.mean(ratios)), "peak": float(max(ratios))}


_LINES = range(0, _WINDOW, _WINDOW // _GRID)


def _around(power: NDArray[np.float64], y: int, x: int) -> float:
    """The median power of the bins at a distance of `_RING` from a bin."""
    steps = range(-_RING, _RING + 1)
    ring = [
        power[(y + down) % _WINDOW, (x + right) % _WINDOW]
        for down in steps
        for right in steps
        if max(abs(down), abs(right)) == _RING
    ]
    return float(np.median(ring))


def _spectrum(luma: NDArray[np.float32]) -> NDArray[np.float64]:
    """(H, W) → mean power by frequency, (64, 64)."""
    squares = sliding_window_view(luma, (_WINDOW, _WINDOW))[:: _WINDOW // 2, :: _WINDOW // 2]
    squares = squares - squares.mean((2, 3), keepdims=True)
    hann = np.hanning(_WINDOW + 1)[:-1]
    spectra = np.fft.fft2(squares * np.outer(hann, hann))
    power: NDArray[np.float64] = np.square(np.abs(spectra)).mean((0, 1))
    return power


def border_excess(distance: NDArray[np.float64]) -> float:
    """The mean distance in a border band over the mean distance in the interior.

    Args:
        distance: (H, W), the result's colour distance from the photo, in CIEDE2000.

    Returns:
        1 where border and interior differ equally from the photo; more for a frame or a halo.
    """
    band = max(1, round(min(distance.shape) * _BAND))
    interior = distance[band:-band, band:-band]
    border = (distance.sum() - interior.sum()) / (distance.size - interior.size)
    return float((border + _INVISIBLE) / (interior.mean() + _INVISIBLE))
