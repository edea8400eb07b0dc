"""Sub-pixel convolutions, which compute several neighbouring pixels at once."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad, pixel_shuffle, pixel_unshuffle

FACTOR = 2
"""The default number of output pixels along each axis that one step of a convolution computes."""

BILINEAR = (0.25, 0.75, 0.75, 0.25)
"""The shares that a value adds to four output values when a line is resized to twice its length."""


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


def upsampled_weight(weight: Tensor) -> Tensor:
    """The kernels of a bilinear resize to twice the size, followed by a convolution.

    Both steps are linear. Together they equal four convolutions of the original features, one for
    each of 2 x 2 neighbouring pixels. Their kernels are the given kernels, smoothed by the resize.

    Args:
        weight: (C, D, 3, 3), of the convolution.

    Returns:
        (4C, D, 3, 3), in the order of `sub_pixel_weight`.
    """
    line = weight.new_tensor(BILINEAR)
    single = weight.flatten(0, 1)[:, None]  # (C D, 1, 3, 3)
    smoothed = conv2d(single, torch.outer(line, line)[None, None], padding=3)  # (C D, 1, 6, 6)
    kernels = pixel_unshuffle(smoothed, FACTOR).flip(1)  # (C D, 4, 3, 3)
    return kernels.reshape(*weight.shape[:2], *kernels.shape[1:]).transpose(1, 2).flatten(0, 1)
