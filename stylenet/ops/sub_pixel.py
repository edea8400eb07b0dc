"""Convolutions that give several pixels at once."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad, pixel_shuffle, pixel_unshuffle

FACTOR = 2
"""Output pixels along each axis that one convolution gives at once, if nothing else is said."""

BILINEAR = (0.25, 0.75, 0.75, 0.25)
"""What a value contributes to those around it when its line is resized to twice its length."""


def sub_pixel_weight(weight: Tensor, factor: int = FACTOR) -> Tensor:
    """The kernels of a stride-1 convolution, once for each of p x p neighbours, p `factor`.

    Args:
        weight: (C, D, k, k).

    Returns:
        (p²C, D, k + p - 1, k + p - 1): the plain kernels, shifted by none to p - 1 to each side.
    """
    last = factor - 1
    shifts = [(x, last - x, y, last - y) for y in range(factor) for x in range(factor)]
    return torch.stack([pad(weight, shift) for shift in shifts], 1).flatten(0, 1)


def sub_pixel_bias(bias: Tensor, factor: int = FACTOR) -> Tensor:
    """(C,) → (p²C,), in the order of `sub_pixel_weight`."""
    return bias.repeat_interleave(factor**2)


def sub_pixel_conv(x: Tensor, weight: Tensor, bias: Tensor | None, factor: int = FACTOR) -> Tensor:
    """Convolve with stride p what `sub_pixel_weight` made, and put the neighbours in their places.

    Args:
        x: (B, D, H, W), margins included, and at the lower and right end p - 1 more of any value,
            as sizes that are no multiple of p end with a part of a step.
        weight: (p²C, D, k + p - 1, k + p - 1).
        bias: (p²C,).

    Returns:
        (B, C, H - k - p + 2, W - k - p + 2), what the stride-1 convolution gives.
    """
    height, width = (x.shape[axis] - weight.shape[axis] + 1 for axis in (-2, -1))
    pixels = pixel_shuffle(conv2d(x, weight, bias, factor), factor)
    return pixels.narrow(-2, 0, height).narrow(-1, 0, width)


def upsampled_weight(weight: Tensor) -> Tensor:
    """The kernels of a convolution of features resized bilinearly to twice their size.

    Both steps are linear: together they are four convolutions of the features as they are, one for
    each of 2 x 2 neighbours, whose kernels are the given ones smoothed by the resizing.

    Args:
        weight: (C, D, 3, 3).

    Returns:
        (4C, D, 3, 3), in the order of `sub_pixel_weight`.
    """
    line = weight.new_tensor(BILINEAR)
    single = weight.flatten(0, 1)[:, None]  # (C D, 1, 3, 3)
    smoothed = conv2d(single, torch.outer(line, line)[None, None], padding=3)  # (C D, 1, 6, 6)
    kernels = pixel_unshuffle(smoothed, FACTOR).flip(1)  # (C D, 4, 3, 3)
    return kernels.reshape(*weight.shape[:2], *kernels.shape[1:]).transpose(1, 2).flatten(0, 1)
