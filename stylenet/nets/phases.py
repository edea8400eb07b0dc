"""Convolutions that give several pixels at once."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad, pixel_shuffle, pixel_unshuffle

PHASES = 2
"""Output pixels along each axis that one convolution gives at once."""

BILINEAR = (0.25, 0.75, 0.75, 0.25)
"""What a value contributes to those around it when its line is resized to twice its length."""


def phase_weight(weight: Tensor) -> Tensor:
    """The kernels of a stride-1 convolution, once for each of 2 x 2 neighbours.

    Args:
        weight: (C, D, k, k).

    Returns:
        (4C, D, k + 1, k + 1): the plain kernels, shifted by none or one to each side.
    """
    last = PHASES - 1
    shifts = [(x, last - x, y, last - y) for y in range(PHASES) for x in range(PHASES)]
    return torch.stack([pad(weight, shift) for shift in shifts], 1).flatten(0, 1)


def phase_bias(bias: Tensor) -> Tensor:
    """(C,) → (4C,), in the order of `phase_weight`."""
    return bias.repeat_interleave(PHASES**2)


def phase_conv(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Convolve with stride 2 what `phase_weight` made, and put the neighbours in their places.

    Args:
        x: (B, D, H, W), margins included.
        weight: (4C, D, k + 1, k + 1).
        bias: (4C,).

    Returns:
        (B, C, H - k + 1, W - k + 1), what the stride-1 convolution gives.
    """
    height, width = x.shape[-2] - weight.shape[-2] + PHASES, x.shape[-1] - weight.shape[-1] + PHASES
    even = pad(x, (0, PHASES - 1) * 2)  # odd sizes end with a part of a step
    pixels = pixel_shuffle(conv2d(even, weight, bias, PHASES), PHASES)
    return pixels.narrow(-2, 0, height).narrow(-1, 0, width)


def doubling_weight(weight: Tensor) -> Tensor:
    """The kernels of a convolution of features resized bilinearly to twice their size.

    Both steps are linear: together they are four convolutions of the features as they are, one for
    each of 2 x 2 neighbours, whose kernels are the given ones smoothed by the resizing.

    Args:
        weight: (C, D, 3, 3).

    Returns:
        (4C, D, 3, 3), in the order of `phase_weight`.
    """
    line = weight.new_tensor(BILINEAR)
    single = weight.flatten(0, 1)[:, None]  # (C D, 1, 3, 3)
    smoothed = conv2d(single, torch.outer(line, line)[None, None], padding=3)  # (C D, 1, 6, 6)
    phases = pixel_unshuffle(smoothed, PHASES).flip(1)  # (C D, 4, 3, 3)
    return phases.reshape(*weight.shape[:2], *phases.shape[1:]).transpose(1, 2).flatten(0, 1)
