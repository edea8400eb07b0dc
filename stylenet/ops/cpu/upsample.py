"""Bilinear upsampling to twice the size, and its gradient, channels last (`upsample.c`)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from stylenet.ops.cpu.compiled import kernels, usable
from stylenet.ops.cpu.loading import address

CHANNELS = 16
"""Channel counts must be multiples of this, the length of the longest vectors."""


def suits(x: Tensor) -> bool:
    """Whether `upsample` can resize `x` (B, C, H, W)."""
    return x.shape[1] % CHANNELS == 0 and usable(x)


def upsample(x: Tensor) -> Tensor:
    """Resize (B, C, H, W) to (B, C, 2 H, 2 W). Flat areas stay flat to the bit.

    `suits` must be true of `x`.
    """
    out: Tensor = _Upsample.apply(x)
    return out


class _Upsample(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        x = x.contiguous(memory_format=torch.channels_last)
        batch, channels, height, width = x.shape
        out = _empty((batch, channels, 2 * height, 2 * width), x.dtype)
        kernels().stylenet_upsample(
            address(x), address(out), batch, height, width, channels, x.dtype == torch.bfloat16,
            torch.get_num_threads(),
        )  # fmt: skip
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        batch, channels, height, width = gradient.shape
        out = _empty((batch, channels, height // 2, width // 2), gradient.dtype)
        kernels().stylenet_upsample_gradient(
            address(gradient), address(out), batch, height // 2, width // 2, channels,
            gradient.dtype == torch.bfloat16, torch.get_num_threads(),
        )  # fmt: skip
        return out


def _empty(shape: tuple[int, int, int, int], dtype: torch.dtype) -> Tensor:
    return torch.empty(shape, dtype=dtype, memory_format=torch.channels_last)
