"""Gram matrices in float32, by half the products, because the result is symmetric (`gram.c`)."""

from __future__ import annotations

import torch
from torch import Tensor

from stylenet.ops.cpu.compiled import kernels, usable
from stylenet.ops.cpu.loading import address

CHANNELS = 64
"""Channel counts must be multiples of this."""

_CHUNK = 1 << 16
"""Numbers that the kernel reads at once. They fit into the second-level cache."""


def suits(x: Tensor) -> bool:
    """Whether `gram` takes `x` (B, P, C)."""
    return x.shape[2] % CHANNELS == 0 and usable(x)


def gram(x: Tensor) -> Tensor:
    """Sums over the pixels of the products of channels: (B, P, C) → (B, C, C), float32."""
    x = x.contiguous()
    batch, pixels, channels = x.shape
    chunk = max(1, _CHUNK // channels)
    out, scratch = torch.empty(batch, channels, channels), torch.empty(chunk, channels)
    kernels().stylenet_gram(
        address(x), address(out), batch, pixels, channels, x.dtype == torch.bfloat16,
        address(scratch), chunk, torch.get_num_threads(),
    )  # fmt: skip
    return out
