"""Flaws that a net leaves whatever the style: a checkerboard, and a border unlike the rest."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from stylenet.pictures.color import luma, to_floats
from stylenet.pictures.images import Bytes

_WINDOW = 64
"""Side in pixels of the squares whose power spectra are averaged, half overlapping (Welch 1967)."""

_NEAR = slice(_WINDOW // 2 - 5, _WINDOW // 2 - 2)
"""Frequencies beside Nyquist's, beyond the reach of the Hann window's main lobe, two bins."""

_BAND = 1 / 32
"""Width of the border band over the shorter side: 8 pixels of 256, about what the padding of a
net's first and last layers reaches."""

_INVISIBLE = 0.1
"""A colour distance, in CIEDE2000, too small to see; it keeps the ratio of two such near 1."""


def nyquist_peak(rgb: Bytes) -> float:
    """How far the spectrum of the luma stands out at the highest frequency.

    A net that upsamples unevenly leaves a pattern with a period of two pixels (Odena et al. 2016,
    "Deconvolution and Checkerboard Artifacts"): across, down or both.

    Args:
        rgb: uint8 (H, W, 3), sides of at least 64 pixels.

    Returns:
        Power at the Nyquist frequency over that at frequencies just below, the largest of the
        three directions; about 1 for a photo.
    """
    power = _spectrum(luma(to_floats(rgb)))
    top = _WINDOW // 2
    lines = power[0], power[:, 0], power.diagonal()
    floor = np.finfo(np.float32).eps  # of a flat picture, which has no spectrum
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
    """The mean of a border band over the mean of the interior.

    Args:
        distance: (H, W), how far the result is from the photo, in CIEDE2000.

    Returns:
        1 where border and interior differ alike from the photo, more for a frame or a halo.
    """
    band = max(1, round(min(distance.shape) * _BAND))
    interior = distance[band:-band, band:-band]
    border = (distance.sum() - interior.sum()) / (distance.size - interior.size)
    return float((border + _INVISIBLE) / (interior.mean() + _INVISIBLE))
