"""A photo and its stylised picture, mixed: float32 (H, W, 3) sRGB in [0, 1] throughout."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""Weights of R'G'B' in the luma Y' (ITU-R BT.601-7, section 2.5.1); YIQ and YCbCr share it."""


def luma(rgb: Floats) -> Floats:
    """The lightness of each pixel: (H, W, 3) → (H, W), both in [0, 1]."""
    return np.asarray(rgb @ LUMA, dtype=np.float32)


def preserve_color(photo: Floats, stylized: Floats) -> Floats:
    """The luma of `stylized` with the chroma of `photo`.

    Luminance-only transfer (Gatys et al. 2016, "Preserving Color in Neural Artistic Style
    Transfer"). In YIQ, as in YCbCr, each of R, G and B is Y plus a mix of the two chroma channels,
    so that to replace Y is to add one difference to all three. Colours that leave [0, 1] are
    clipped, and only these lose chroma.
    """
    shift = luma(stylized) - luma(photo)  # (H, W)
    mixed: Floats = np.clip(photo + shift[..., None], 0, 1)
    return mixed


def blend(photo: Floats, stylized: Floats, strength: float) -> Floats:
    """From `photo`, at strength 0, to `stylized`, at strength 1."""
    return (1 - strength) * photo + strength * stylized


def to_floats(rgb: NDArray[np.uint8]) -> Floats:
    """0-255 → [0, 1]."""
    floats: Floats = np.divide(rgb, 255, dtype=np.float32)
    return floats


def to_bytes(rgb: Floats) -> NDArray[np.uint8]:
    """[0, 1] → 0-255, rounded."""
    return np.round(rgb * 255).astype(np.uint8)
