"""3x3 Winograd convolutions of stride 1, with a quarter of the multiplications (`winograd.c`)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from stylenet.ops.cpu.compiled import TYPES, kernels, usable
from stylenet.ops.cpu.loading import address
from stylenet.ops.reflection import fold

_ROWS = 6
"""Tiles that the kernel multiplies at once."""

_GRADIENT_ROWS = 96
"""Tiles in a block for the weights' gradient. With larger blocks, the sums are read less often."""


class Filters:
    """The weights of one frozen convolution in the kernel's form, transformed once and kept.

    All calls take the same weight, (O, C, 3, 3), which must not change from the first call on.
    """

    def __init__(self) -> None:
        self._kept: dict[bool, Tensor] = {}

    def forward(self, weight: Tensor, dtype: torch.dtype) -> Tensor:
        """The filters that convolve pictures of `dtype`."""
        return self._transformed(weight, dtype, backward=False)

    def backward(self, weight: Tensor, dtype: torch.dtype) -> Tensor:
        """The filters for gradients of `dtype`: turned by 180 degrees, channels exchanged."""
        return self._transformed(weight, dtype, backward=True)

    def _transformed(self, weight: Tensor, dtype: torch.dtype, backward: bool) -> Tensor:
        products = _products(dtype)
        kept = self._kept.get(backward)
        if kept is None or kept.dtype != products:
            weight = weight.flip(2, 3).transpose(0, 1) if backward else weight
            kept = self._kept[backward] = _transformed(weight, products)
        return kept


def narrowest() -> int:
    """The number that both channel counts must be multiples of: 16, or 64 with AVX-512."""
    return int(kernels().stylenet_panel())


def suits(x: Tensor, weight: Tensor) -> bool:
    """Whether `conv3x3` can convolve `x` (B, C, H, W) with `weight` (O, C, 3, 3)."""
    return (
        min(x.shape[2:]) > 1
        and usable(x)
        and weight.shape[0] % narrowest() == weight.shape[1] % narrowest() == 0
        and (not torch.is_autocast_enabled("cpu") or torch.get_autocast_dtype("cpu") in TYPES)
    )


def conv3x3(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    reflect: bool = False,
    relu: bool = False,
    filters: Filters | None = None,
) -> Tensor:
    """A 3x3 convolution that keeps the picture's size, by Winograd's F(4x4, 3x3).

    It is two to three times as fast as torch. The relative error (RMS) is 1e-6 in float32, 4e-6
    for 512 channels. In bfloat16 it is 1e-2, and torch's is 2e-3. Trainings reach the same results.
    In float32, a flat picture under reflection padding stays flat to the bit.

    Args:
        x: (B, C, H, W), for which `suits` is true. Under autocast, it is cast to autocast's type.
        weight: (O, C, 3, 3).
        bias: (O,).
        reflect: use reflection padding instead of zero padding.
        relu: set negative results to 0. The result is then kept for the gradient.
        filters: of a frozen `weight`, kept from call to call.

    Returns:
        (B, O, H, W).
    """
    if torch.is_autocast_enabled("cpu"):
        x = x.to(torch.get_autocast_dtype("cpu"))
    filters = filters or Filters()
    out: Tensor = _Conv3x3.apply(x, weight, bias, reflect, relu, filters)
    return out


class _Conv3x3(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        reflect: bool,
        relu: bool,
        filters: Filters,
    ) -> Tensor:
        x = x.contiguous(memory_format=torch.channels_last)
        out = _convolve(x, filters.forward(weight, x.dtype), bias, 1, reflect, relu)
        ctx.save_for_backward(x if weight.requires_grad else None, weight, out if relu else None)
        ctx.reflect, ctx.filters = reflect, filters
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, mask = ctx.saved_tensors
        to_x, to_weight, to_bias = ctx.needs_input_grad[:3]
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        x_gradient = weight_gradient = bias_gradient = None
        if to_x:
            padding, turned = 2 if ctx.reflect else 1, ctx.filters.backward(weight, gradient.dtype)
            x_gradient = _convolve(gradient, turned, None, padding, mask=mask)
            x_gradient = fold(x_gradient, 1) if ctx.reflect else x_gradient
        if mask is not None and (to_weight or to_bias):
            gradient = gradient * (mask > 0)
        if to_weight:
            weight_gradient = _weight_gradient(x, gradient, ctx.reflect)
        if to_bias:
            bias_gradient = gradient.float().sum((0, 2, 3))
        return x_gradient, weight_gradient, bias_gradient, None, None, None


def _convolve(
    x: Tensor,
    filters: Tensor,
    bias: Tensor | None,
    padding: int,
    reflect: bool = False,
    relu: bool = False,
    mask: Tensor | None = None,
) -> Tensor:
    (batch, channels, height, width), made = x.shape, filters.shape[2]
    out = torch.empty(
        (batch, made, height + 2 * padding - 2, width + 2 * padding - 2),
        dtype=x.dtype,
        memory_format=torch.channels_last,
    )
    threads = torch.get_num_threads()
    rows = _rows(batch * -(-out.shape[2] // 4) * -(-out.shape[3] // 4), channels * made, threads)
    scratch = torch.empty(threads * 36 * (rows * (channels + made) + 32))
    if bias is not None:
        bias = bias.float().contiguous()
    kernels().stylenet_convolve(
        address(x), address(mask), address(filters), address(bias), address(out), batch, height,
        width, channels, made, padding, reflect, relu, x.dtype == torch.bfloat16,
        filters.dtype == torch.bfloat16, address(scratch), rows, threads,
    )  # fmt: skip
    return out


def _weight_gradient(x: Tensor, gradient: Tensor, reflect: bool) -> Tensor:
    (batch, channels, height, width), made = x.shape, gradient.shape[1]
    rows = min(_GRADIENT_ROWS, batch * -(-height // 4) * -(-width // 4))
    out = torch.empty(3, 3, channels, made)
    scratch = torch.empty(36 * (rows * (channels + made) + 32 + channels * made))
    kernels().stylenet_filter_gradient(
        address(x), address(gradient), address(out), batch, height, width, channels, made, reflect,
        x.dtype == torch.bfloat16, address(scratch), rows, torch.get_num_threads(),
    )  # fmt: skip
    return out.permute(3, 2, 0, 1)


def _rows(tiles: int, weights: int, threads: int) -> int:
    """Tiles in a block. Few keep the block in the second-level cache; more read large filters less.

    `weights` is the number of input channels times output channels.
    """
    rows = 96 if weights > 1 << 16 else 24
    return min(rows, -(-tiles // (threads * _ROWS)) * _ROWS)


def _products(dtype: torch.dtype) -> torch.dtype:
    """The type of the factors that are multiplied for pictures of `dtype`."""
    return dtype if kernels().stylenet_has_halves() else torch.float32


def _transformed(weight: Tensor, dtype: torch.dtype) -> Tensor:
    """(O, C, 3, 3) → (36, C, O) of `dtype`, with the last two axes in the kernel's own order."""
    made, channels = weight.shape[:2]
    plain = weight.detach().float().permute(2, 3, 1, 0).contiguous()
    filters = torch.empty(36, channels, made, dtype=dtype)
    kernels().stylenet_filter(
        address(plain), address(filters), channels, made, dtype == torch.bfloat16,
        torch.get_num_threads(),
    )  # fmt: skip
    return filters
