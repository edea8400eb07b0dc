"""Building blocks of the transformer nets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import batch_norm, conv2d, pad

from stylenet.nets.phases import phase_bias, phase_conv, phase_weight

Norm = Callable[[int], nn.Module]


class InstanceNorm(nn.InstanceNorm2d):
    """InstanceNorm with scale and shift (Ulyanov et al. 2017).

    On a CPU each picture goes through batch norm by itself, which is the same thing, and keeps the
    channels-last layout of the convolutions, where torch's instance norm copies back and forth.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, affine=True)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (B, C, H, W) over each picture's H and W."""
        if x.is_cuda or torch.onnx.is_in_onnx_export():
            return super().forward(x)
        pictures = [
            batch_norm(picture, None, None, self.weight, self.bias, training=True, eps=self.eps)
            for picture in torch.split(x, 1)
        ]
        return pictures[0] if len(pictures) == 1 else torch.cat(pictures)


class _ReflectionPad(torch.autograd.Function):
    """Reflection padding whose gradient keeps the layout, and is deterministic on a GPU."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, width: int) -> Tensor:
        ctx.width = width
        return pad(x, (width,) * 4, "reflect")

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return _fold(_fold(gradient, -2, ctx.width), -1, ctx.width), None


def _fold(gradient: Tensor, axis: int, width: int) -> Tensor:
    """Add the margins along `axis` to the pixels that they mirror, and cut them off."""
    size = gradient.shape[axis] - 2 * width
    inner = gradient.narrow(axis, width, size).clone()
    inner.narrow(axis, 1, width).add_(gradient.narrow(axis, 0, width).flip(axis))
    end = gradient.narrow(axis, width + size, width).flip(axis)
    inner.narrow(axis, size - 1 - width, width).add_(end)
    return inner


class Conv(nn.Conv2d):
    """A convolution under reflection padding, which leaves no dark frame as zero padding does."""

    def __init__(
        self, channels: int, width: int, kernel: int, stride: int = 1, bias: bool = False
    ) -> None:
        super().__init__(channels, width, kernel, stride, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (B, C, H, W), mirrored by half a kernel on every side."""
        padded: Tensor = _ReflectionPad.apply(x, self.kernel_size[0] // 2)
        return conv2d(padded, self.weight, self.bias, self.stride)


class Head(Conv):
    """A convolution of many pixels to few channels.

    On a CPU it gives several pixels at once, which fills the lanes of the vector unit: forward and
    backward pass of 9x9 from 16 channels to 3 take half the time; of 3x3, as long as before.
    """

    def __init__(self, channels: int, width: int, kernel: int) -> None:
        super().__init__(channels, width, kernel, bias=True)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (B, C, H, W), mirrored by half a kernel on every side."""
        if x.device.type != "cpu" or torch.onnx.is_in_onnx_export():
            return super().forward(x)
        assert self.bias is not None
        padded = _ReflectionPad.apply(x, self.kernel_size[0] // 2)
        return phase_conv(padded, phase_weight(self.weight), phase_bias(self.bias))


class ConvNormReLU(nn.Sequential):
    """Convolution, norm, ReLU; the norm's shift makes a convolution bias redundant."""

    def __init__(self, channels: int, width: int, kernel: int, norm: Norm, stride: int = 1) -> None:
        super().__init__(Conv(channels, width, kernel, stride), norm(width), nn.ReLU(inplace=True))


class Residual(nn.Module):
    """Two 3x3 convolutions around a skip, no ReLU after the sum (Gross & Wilber 2016)."""

    def __init__(self, channels: int, norm: Norm) -> None:
        super().__init__()
        self.body = nn.Sequential(
            ConvNormReLU(channels, channels, 3, norm), Conv(channels, channels, 3), norm(channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.body(x)
        return out
