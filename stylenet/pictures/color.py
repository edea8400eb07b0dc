"""The two forms of sRGB: bytes, uint8 (H, W, 3), and floats, float32 (H, W, 3) in [0, 1]."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""Weights of R'G'B' in the luma Y' (ITU-R BT.601-7, section 2.5.1). YIQ and YCbCr use it."""


def luma(rgb: Floats) -> Floats:
    """The luma of each pixel: (H, W, 3) → (H, W), both in [0, 1]."""
    return np.asarray(rgb @ LUMA, dtype=np.float32)


def to_floats(rgb: NDArray[np.uint8]) -> Floats:
    """0-255 → [0, 1]."""
    floats: Floats = np.divide(rgb, 255, dtype=np.float32)
    return floats


def to_bytes(rgb: Floats) -> NDArray[np.uint8]:
    """[0, 1] → 0-255, rounded."""
    return np.round(rgb * 255).astype(np.uint8)
