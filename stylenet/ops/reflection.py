"""Reflection padding. Its gradient keeps the memory layout and is deterministic on a GPU."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import pad

from stylenet.ops.layout import wants_plain_torch


def reflection_pad(x: Tensor, width: int) -> Tensor:
    """Pad (B, C, H, W) with mirrored pixels to (B, C, H + 2·width, W + 2·width)."""
    if wants_plain_torch(x):
        return _mirrored(_mirrored(x, 3, width), 2, width)
    padded: Tensor = _ReflectionPad.apply(x, width)
    return padded


def _mirrored(x: Tensor, axis: int, width: int) -> Tensor:
    """Pad one axis.

    Lines that are mirrored are split off one by one. So there is nothing to flip, and the gradient
    is one concatenation, too.
    """
    size, edge = x.shape[axis], width + 1
    if size < edge:
        raise RuntimeError(f"Padding by {width} needs more than {width} pixels, not {size}")
    inner = size - 2 * edge
    sizes = [1] * edge + [inner] + [1] * edge if inner > 0 else [1] * size
    lines = torch.split(x, sizes, axis)
    return torch.cat([*lines[width:0:-1], *lines, *lines[-2 : -edge - 1 : -1]], axis)


def fold(gradient: Tensor, width: int) -> Tensor:
    """The gradient of reflection padding: add the margins to the pixels that they mirror.

    Args:
        gradient: (B, C, H + 2·width, W + 2·width); overwritten.
        width: of the margins, in pixels.

    Returns:
        (B, C, H, W), a view of `gradient`.
    """
    for axis in (-2, -1):
        size = gradient.shape[axis] - 2 * width
        start, end = gradient.narrow(axis, 0, width), gradient.narrow(axis, width + size, width)
        gradient.narrow(axis, width + 1, width).add_(start.flip(axis))
        gradient.narrow(axis, size - 1, width).add_(end.flip(axis))
    return gradient[..., width:-width, width:-width]


class _ReflectionPad(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, width: int) -> Tensor:
        ctx.width = width
        with torch.autocast("cpu", enabled=False):  # autocast would pad in float32
            return pad(x, (width,) * 4, "reflect")

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return fold(gradient.clone(), ctx.width), None
