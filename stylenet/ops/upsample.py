"""Upsampling to twice the size, and a low-pass filter."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from stylenet.ops.cpu import upsample as compiled
from stylenet.ops.layout import as_features, as_pixels, wants_plain_torch
from stylenet.ops.reflection import reflection_pad


def upsample(x: Tensor) -> Tensor:
    """Resize (B, C, H, W) bilinearly to (B, C, 2 H, 2 W)."""
    if compiled.suits(x):
        return compiled.upsample(x)
    if wants_plain_torch(x):
        return _means(_means_over_the_edge(_doubled(x)))
    return interpolate(x, None, 2.0, "bilinear")


def binomial(x: Tensor) -> Tensor:
    """Smooth (B, C, H, W) with [1 2 1]/4 along both axes, computed as two means of 2x2 pixels.

    Pixels are mirrored at the edge.
    """
    if wants_plain_torch(x):
        return _means_over_the_edge(_means(x))
    return _means(_means(reflection_pad(x, 1)))


def _means(x: Tensor) -> Tensor:
    """Means of 2x2 neighbours, (B, C, H, W) → (B, C, H - 1, W - 1)."""
    return avg_pool2d(x, 2, 1)


def _means_over_the_edge(x: Tensor) -> Tensor:
    """Means of 2x2 neighbours, fewer at the edge, (B, C, H, W) → (B, C, H + 1, W + 1).

    This replaces padding. Of `_means`, it gives what mirrored pixels would give. Of doubled pixels,
    it gives what a repeated edge would give.
    """
    return avg_pool2d(x, 2, 1, padding=1, count_include_pad=False)


def _doubled(x: Tensor) -> Tensor:
    """Repeat every pixel 2x2 times. Means of their means are bilinear: 3/4 near and 1/4 far."""
    pixels = as_pixels(x)
    batch, height, width, channels = pixels.shape
    doubled = pixels[:, :, None, :, None].expand(-1, -1, 2, -1, 2, -1)
    return as_features(doubled.reshape(batch, 2 * height, 2 * width, channels))
