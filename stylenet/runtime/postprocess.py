"""After the net: filters on the stylised picture, the photo's colours, blending with the photo.

Floats are float32 (H, W, 3) sRGB in [0, 1] throughout.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from stylenet.pictures.amounts import MAX_SHARPEN
from stylenet.pictures.color import Floats, luma, to_bytes, to_floats
from stylenet.pictures.images import Bytes
from stylenet.runtime.preprocess import check_range

_CLIPPED = 0.5
"""Per cent of pixels that the stretch clips at either end, so that specks do not set the range."""

_BLUR = 1.0
"""Standard deviation of the unsharp mask's blur in pixels: the scale of a stroke's edge."""

_REACH = 2.0
"""Standard deviation of the bilateral filter's weights over distance, in pixels."""


@dataclass(frozen=True)
class Postprocess:
    """The steps after the net, in this order.

    bilateral: edge-keeping smoothing. The number is the difference in colour, in [0, 1], that
        counts as an edge; 0 leaves the step out.
    stretch: whether to spread luma over the whole range.
    sharpen: amount of the unsharp mask; 0 leaves the step out.
    preserve_color: whether to keep the chroma of the photo, so that only luma is stylised.
    strength: the blend, from 0, the photo, to 1, fully stylised.
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
        """Apply the steps. Both pictures are uint8 (H, W, 3). Without any step the bytes stay."""
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
    """Dynamic-range stretch, alike in all channels: the darkest luma becomes 0, the lightest 1."""
    dark, light = np.percentile(luma(rgb), (_CLIPPED, 100 - _CLIPPED))
    if light - dark < 1 / 255:
        return rgb
    stretched: Floats = np.clip((rgb - np.float32(dark)) / np.float32(light - dark), 0, 1)
    return stretched


def unsharp_mask(rgb: Floats, amount: float) -> Floats:
    """Add `amount` times the detail that a Gaussian blur removes."""
    from skimage.filters import gaussian  # loads SciPy, which other options do not need

    blurred = gaussian(rgb, _BLUR, mode="nearest", truncate=3, channel_axis=2)
    sharp: Floats = np.clip(rgb + np.float32(amount) * (rgb - blurred), 0, 1)
    return sharp


def bilateral(rgb: Floats, edge: float) -> Floats:
    """Average each pixel with near pixels of like colour (Tomasi & Manduchi 1998, section 2).

    scikit-image's `denoise_bilateral` (0.26) is not used, because it computes something else. Its
    table of weights over distance is skewed, and it divides the distance of two colours by three.
    With the division undone, at least half of the bytes of two photographs still differed, by up to
    79 of 255.

    Args:
        edge: standard deviation of the weights over the distance of two colours in [0, 1]³.
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
    """Combine the luma of `stylized` with the chroma of `photo`.

    Luminance-only transfer (Gatys et al. 2016, "Preserving Color in Neural Artistic Style
    Transfer"). In YIQ, as in YCbCr, each of R, G and B is Y plus a mix of the two chroma channels.
    So replacing Y adds the same difference to R, G and B. Colours that leave [0, 1] are clipped,
    and only these colours lose chroma.
    """
    shift = luma(stylized) - luma(photo)  # (H, W)
    mixed: Floats = np.clip(photo + shift[..., None], 0, 1)
    return mixed


def blend(photo: Floats, stylized: Floats, share: float) -> Floats:
    """Mix linearly: `photo` at share 0, `stylized` at share 1."""
    mixed: Floats = np.float32(1 - share) * photo + np.float32(share) * stylized
    return mixed
