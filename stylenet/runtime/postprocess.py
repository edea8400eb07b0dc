"""After the net: filters on the stylised picture, the photo's colours, the strength.

Floats are float32 (H, W, 3) sRGB in [0, 1] throughout.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stylenet.pictures.color import Floats, luma, to_bytes, to_floats
from stylenet.pictures.images import Bytes
from stylenet.runtime.preprocess import check_range

_CLIPPED = 0.5
"""Per cent of the pixels that the stretch lets go to black, and to white: specks decide nothing."""

MAX_SHARPEN = 100.0
"""The most that the unsharp mask takes: every edge is black and white long before."""

_BLUR = 1.0
"""Standard deviation of the unsharp mask's blur in pixels: the scale of a stroke's edge."""

_REACH = 2.0
"""Standard deviation of the bilateral filter's weights over distance, in pixels."""


@dataclass(frozen=True)
class Postprocess:
    """What is done to every result, in this order.

    bilateral: strength of edge-keeping smoothing, as the difference in colour, of [0, 1], that
        counts as an edge; 0 leaves it out.
    stretch: spread light and dark over the whole range.
    sharpen: amount of the unsharp mask; 0 leaves it out.
    preserve_color: keep the colours of the photo; only light and dark are stylised.
    strength: from 0, the photo, to 1, fully stylised.
    """

    bilateral: float = 0.0
    stretch: bool = False
    sharpen: float = 0.0
    preserve_color: bool = False
    strength: float = 1.0

    def __post_init__(self) -> None:
        """Hold the numbers against their ranges.

        Raises:
            UserError: one is no number, or beyond its range.
        """
        for name, most in (("bilateral", 1), ("sharpen", MAX_SHARPEN), ("strength", 1)):
            check_range(name, getattr(self, name), 0, most)

    def __call__(self, photo: Bytes, stylized: Bytes) -> Bytes:
        """Both uint8 (H, W, 3); bytes that no option touches stay as they are."""
        if self == Postprocess():
            return stylized
        result = to_floats(stylized)
        if self.bilateral:
            result = bilateral(result, self.bilateral)
        if self.stretch:
            result = stretch(result)
        if self.sharpen:
            result = unsharp_mask(result, self.sharpen)
        if self.preserve_color:
            result = preserve_color(to_floats(photo), result)
        return to_bytes(blend(to_floats(photo), result, self.strength))


def stretch(rgb: Floats) -> Floats:
    """Dynamic-range stretch: the darkest luma becomes 0, the lightest 1, all channels alike."""
    dark, light = np.percentile(luma(rgb), (_CLIPPED, 100 - _CLIPPED))
    if light - dark < 1 / 255:
        return rgb
    stretched: Floats = np.clip((rgb - np.float32(dark)) / np.float32(light - dark), 0, 1)
    return stretched


def unsharp_mask(rgb: Floats, amount: float) -> Floats:
    """`rgb` plus `amount` times what a Gaussian blur takes from it."""
    reach = math.ceil(3 * _BLUR)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / _BLUR) ** 2)
    weights = (weights / weights.sum()).astype(np.float32)
    blurred = _along(_along(rgb, weights, 0), weights, 1)
    sharp: Floats = np.clip(rgb + np.float32(amount) * (rgb - blurred), 0, 1)
    return sharp


def _along(rgb: Floats, weights: NDArray[np.float32], axis: int) -> Floats:
    """Convolve with symmetric `weights` along an axis; the edge pixels go on beyond the edge."""
    reach = len(weights) // 2
    margins = [(reach, reach) if side == axis else (0, 0) for side in range(3)]
    padded = np.pad(rgb, margins, mode="edge")
    length = rgb.shape[axis]
    parts = [padded.take(range(i, i + length), axis) * weight for i, weight in enumerate(weights)]
    total: Floats = np.add.reduce(parts)
    return total


def bilateral(rgb: Floats, edge: float) -> Floats:
    """Average each pixel with near ones of like colour (Tomasi & Manduchi 1998, section 2).

    Args:
        edge: standard deviation of the weights over the distance of two colours, each of [0, 1].
    """
    reach = math.ceil(2 * _REACH)
    height, width = rgb.shape[:2]
    padded = np.pad(rgb, ((reach, reach), (reach, reach), (0, 0)), mode="edge")
    total, weights = np.zeros_like(rgb), np.zeros((height, width, 1), np.float32)
    for y in range(-reach, reach + 1):
        for x in range(-reach, reach + 1):
            near = padded[reach + y :, reach + x :][:height, :width]
            distance = np.square(near - rgb).sum(2, keepdims=True) / edge**2
            weight = np.exp(-0.5 * (distance + (x * x + y * y) / _REACH**2), dtype=np.float32)
            total += weight * near
            weights += weight
    smooth: Floats = total / weights
    return smooth


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
    mixed: Floats = np.float32(1 - strength) * photo + np.float32(strength) * stylized
    return mixed
