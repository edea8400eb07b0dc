"""Sub-pixel convolutions, which compute several neighbouring pixels at once."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.functional import conv2d, pad, pixel_unshuffle

from stylenet.ops.layout import as_features, as_pixels, wants_plain_torch

FACTOR = 2
"""The default number of output pixels along each axis that one step of a convolution computes."""


def sub_pixel_weight(weight: Tensor, factor: int = FACTOR) -> Tensor:
    """Turn the kernels of a stride-1 convolution into kernels for p x p neighbouring pixels.

    Args:
        weight: (C, D, k, k).
        factor: p.

    Returns:
        (p²C, D, k + p - 1, k + p - 1), the given kernels shifted by 0 to p - 1 along each axis.
    """
    last = factor - 1
    shifts = [(x, last - x, y, last - y) for y in range(factor) for x in range(factor)]
    return torch.stack([pad(weight, shift) for shift in shifts], 1).flatten(0, 1)


def sub_pixel_bias(bias: Tensor, factor: int = FACTOR) -> Tensor:
    """Repeat biases (C,) → (p²C,), in the order of `sub_pixel_weight`."""
    return bias.repeat_interleave(factor**2)


def sub_pixel_conv(x: Tensor, weight: Tensor, bias: Tensor | None, factor: int = FACTOR) -> Tensor:
    """Convolve with stride p, and put the neighbouring pixels in their places.

    Args:
        x: (B, D, H, W), with the margins for the convolution. The lower and right margins have
            p - 1 more pixels of any value, because the last step may be incomplete.
        weight: (p²C, D, k + p - 1, k + p - 1), from `sub_pixel_weight`.
        bias: (p²C,), from `sub_pixel_bias`.
        factor: p.

    Returns:
        (B, C, H - k - p + 2, W - k - p + 2), the result of the stride-1 convolution.
    """
    height, width = (x.shape[axis] - weight.shape[axis] + 1 for axis in (-2, -1))
    pixels = pixel_shuffle(conv2d(x, weight, bias, factor), factor)
    return pixels.narrow(-2, 0, height).narrow(-1, 0, width)


def pixel_shuffle(x: Tensor, factor: int) -> Tensor:
    """Put neighbouring pixels, given as channels, in their places (Shi et al. 2016).

    Args:
        x: (B, p²C, H, W).
        factor: p.

    Returns:
        (B, C, p·H, p·W).
    """
    if not wants_plain_torch(x):
        return functional.pixel_shuffle(x, factor)
    batch, height, width, channels = as_pixels(x).shape
    groups = as_pixels(x).reshape(batch, height, width, channels // factor**2, factor, factor)
    placed = groups.permute(0, 1, 4, 2, 5, 3)  # (B, H, p, W, p, C)
    return as_features(placed.reshape(batch, factor * height, factor * width, -1))


def upsampled_weight(weight: Tensor) -> Tensor:
    """The kernels of a bilinear resize to twice the size, followed by a convolution.

    Both steps are linear. Together they equal four convolutions of the original features, one for
    each of 2 x 2 neighbouring pixels. Their kernels are the given kernels, smoothed by the resize.

    Args:
        weight: (C, D, 3, 3), of the convolution.

    Returns:
        (4C, D, 3, 3), in the order of `sub_pixel_weight`.
    """
    line = _bilinear(weight)
    single = weight.flatten(0, 1)[:, None]  # (C D, 1, 3, 3)
    smoothed = conv2d(single, torch.outer(line, line)[None, None], padding=3)  # (C D, 1, 6, 6)
    kernels = pixel_unshuffle(smoothed, FACTOR).flip(1)  # (C D, 4, 3, 3)
    return kernels.reshape(*weight.shape[:2], *kernels.shape[1:]).transpose(1, 2).flatten(0, 1)


def _bilinear(like: Tensor) -> Tensor:
    """The shares that a value adds to four values when a line is resized to twice its length.

    They are 1/4, 3/4, 3/4 and 1/4. They are made on the device: a copy from the host would wait for
    the device, and a CUDA graph cannot hold it.
    """
    distance = (torch.arange(4, dtype=like.dtype, device=like.device) - 1.5).abs()
    return 1 - distance / 2
