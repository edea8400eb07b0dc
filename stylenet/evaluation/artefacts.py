"""Flaws that a net may leave in any style: a checkerboard, and a border unlike the interior."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from stylenet.pictures.color import luma, to_floats
from stylenet.pictures.images import Bytes

_WINDOW = 64
"""Side of squares in pixels. They overlap by half; their spectra are averaged (Welch 1967)."""

_NEAR = slice(_WINDOW // 2 - 5, _WINDOW // 2 - 2)
"""Frequencies just below Nyquist's. The Hann window's main lobe reaches two bins, so not these."""

_BAND = 1 / 32
"""Width of the border band over the shorter side: 8 pixels of 256. The padding of a net's first and
last layers reaches about so far."""

_INVISIBLE = 0.1
"""A colour distance too small to see, in CIEDE2000. Added to two invisible distances, it keeps
their ratio near 1."""


def nyquist_peak(rgb: Bytes) -> float:
    """How far the luma's spectrum rises at the highest frequency.

    A net that upsamples unevenly leaves a pattern across, down or both, with a period of two pixels
    (Odena et al. 2016, "Deconvolution and Checkerboard Artifacts").

    Args:
        rgb: uint8 (H, W, 3), sides of at least 64 pixels.

    Returns:
        Power at the Nyquist frequency over the power just below it, the largest of the three
        directions. It is about 1 for a photo.
    """
    power = _spectrum(luma(to_floats(rgb)))
    top = _WINDOW // 2
    lines = power[0], power[:, 0], power.diagonal()
    floor = np.finfo(np.float32).eps  # a flat picture has no power at all
    return float(max((line[top] + floor) / (line[_NEAR].mean() + floor) for line in lines))


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
