"""Hiding the colours of transparent pixels from nets, because a viewer does not show them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Bytes = NDArray[np.uint8]
Means = NDArray[np.float32]

SEEN = 64
"""Opacity, of 255, from which a pixel's own colour counts in full. Below this opacity the colour
fades into the visible surroundings, so a net sees little of a pixel that a viewer hardly shows. A
photo that is half transparent all over keeps its contrast."""

_COARSE = 128  # longer side, in pixels, of the grid on which surroundings are computed
_BAND = 2**20  # pixels at once, so that no step needs another copy of the picture


def show_through(rgb: Bytes, alpha: Bytes) -> None:
    """Replace the colours of pixels that hardly show by the colours around them, in place.

    Args:
        rgb: uint8 (H, W, 3).
        alpha: uint8 (H, W). A colour of opacity 0 leaves no trace.
    """
    if alpha.min(initial=255) >= SEEN:
        return
    height, width = alpha.shape
    seen = min(SEEN, max(1, int(alpha.max())))
    weights = [min(255, round(opacity * 255 / seen)) for opacity in range(256)]
    around = Image.fromarray(_surroundings(rgb, alpha, seen))
    scale_x, scale_y = around.width / width, around.height / height
    step = max(1, _BAND // width)
    for top in range(0, height, step):
        rows = slice(top, min(top + step, height))
        if alpha[rows].min() >= seen:
            continue
        box = (0, top * scale_y, width * scale_x, rows.stop * scale_y)
        fill = around.resize((width, rows.stop - top), Image.Resampling.BILINEAR, box)
        own = Image.fromarray(alpha[rows]).point(weights)
        rgb[rows] = np.asarray(Image.composite(Image.fromarray(rgb[rows]), fill, own))


def _surroundings(rgb: Bytes, alpha: Bytes, seen: int) -> Bytes:
    """The colours of pixels of opacity `seen` or more, spread over a coarse grid (h, w, 3)."""
    height, width = alpha.shape
    scale = min(1.0, _COARSE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    colours, weight = _means(rgb, alpha, seen, size)
    return np.rint(_spread(colours, weight)).astype(np.uint8)


def _means(rgb: Bytes, alpha: Bytes, seen: int, size: tuple[int, int]) -> tuple[Means, Means]:
    """Sums over each cell of colour times opacity, (h, w, 3), and of opacity, (h, w, 1).

    Both are divided by the largest sum of opacity.
    """
    height, width = alpha.shape
    across = np.linspace(0, width, size[0] + 1).astype(int)
    down = np.linspace(0, height, size[1] + 1).astype(int)
    colours = np.zeros((size[1], size[0], 3), np.float32)
    weight = np.zeros((size[1], size[0], 1), np.float32)
    for row, (top, bottom) in enumerate(pairwise(down)):
        rows = alpha[top:bottom]
        opacity = np.where(rows >= seen, rows, 0).astype(np.uint32)
        weight[row, :, 0] = np.add.reduceat(opacity.sum(0), across[:-1])
        for channel in range(3):
            shown = (rgb[top:bottom, :, channel] * opacity).sum(0, dtype=np.uint64)
            colours[row, :, channel] = np.add.reduceat(shown, across[:-1])
    most = max(float(weight.max()), 1.0)
    return colours / most, weight / most


def _spread(colours: Means, weight: Means) -> Means:
    """Colours of all cells. Empty cells take the mean colours of ever wider surroundings.

    This is the pull-push algorithm of Gortler et al. 1996. If nothing shows at all, the result is
    white.
    """
    height, width = weight.shape[:2]
    if height == width == 1:
        return colours / weight if weight[0, 0, 0] > 0 else np.full_like(colours, 255)
    wider = _spread(_halved(colours), _halved(weight))
    back = np.repeat(np.repeat(wider, 2, 0), 2, 1)[:height, :width]
    own = np.minimum(weight * 8, 1)  # an eighth of a cell must show for its colour to count in full
    mixed = own * colours / np.maximum(weight, 1e-9) + (1 - own) * back
    return mixed.astype(np.float32)


def _halved(values: Means) -> Means:
    """Means of 2x2 cells, padded with zeros: (ceil(h / 2), ceil(w / 2), C)."""
    height, width, channels = values.shape
    even = np.pad(values, ((0, height % 2), (0, width % 2), (0, 0)))
    quarters = even.reshape(even.shape[0] // 2, 2, even.shape[1] // 2, 2, channels)
    means: Means = quarters.mean((1, 3), dtype=np.float32)
    return means
