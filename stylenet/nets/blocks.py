"""Building blocks of the transformer nets."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from stylenet.ops.convolution import reflected_conv
from stylenet.ops.instance_norm import instance_norm
from stylenet.ops.layout import wants_plain_torch
from stylenet.ops.reflection import reflection_pad
from stylenet.ops.sub_pixel import FACTOR, sub_pixel_bias, sub_pixel_conv, sub_pixel_weight

Norm = Callable[[int], nn.Module]


class InstanceNorm(nn.InstanceNorm2d):
    """InstanceNorm with scale and shift (Ulyanov et al. 2017).

    `weight`, the scale, and `bias`, the shift, may be replaced by (B, C), a row for each picture
    (see `stylenet.nets.multistyle`).
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, affine=True)

    def forward(self, x: Tensor, relu: bool = False) -> Tensor:
        """Normalise (B, C, H, W) over each picture's H and W; `relu` sets negative values to 0."""
        return instance_norm(x, self.weight, self.bias, self.eps, relu)


class Conv(nn.Conv2d):
    """A convolution with reflection padding. Zero padding would leave a dark frame."""

    def __init__(
        self, channels: int, width: int, kernel: int, stride: int = 1, bias: bool = False
    ) -> None:
        super().__init__(channels, width, kernel, stride, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (B, C, H, W), mirrored by half a kernel on every side."""
        return reflected_conv(x, self.weight, self.bias, self.stride[0])


def fitted(x: Tensor, beside: Tensor) -> Tensor:
    """Drop the row and the column by which an odd `beside` is smaller than `x`, (B, C, H, W).

    If there is nothing to drop, `x` is returned as it is: a slice would cost a copy, filled with
    zeros, in the backward pass.
    """
    if not torch.onnx.is_in_onnx_export() and x.shape[-2:] == beside.shape[-2:]:
        return x
    return x.narrow(-2, 0, beside.shape[-2]).narrow(-1, 0, beside.shape[-1])


class Head(Conv):
    """A convolution of many pixels to few channels.

    On a CPU it gives several pixels at once, to fill the lanes of the vector unit. The forward and
    backward pass of a 9x9 kernel from 16 channels to 3 takes half the time; a 3x3 kernel gains
    nothing.
    """

    def __init__(self, channels: int, width: int, kernel: int) -> None:
        super().__init__(channels, width, kernel, bias=True)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (B, C, H, W), mirrored by half a kernel on every side."""
        if wants_plain_torch(x) or torch.onnx.is_in_onnx_export():
            return super().forward(x)
        assert self.bias is not None
        padded = pad(reflection_pad(x, self.kernel_size[0] // 2), (0, FACTOR - 1) * 2)
        return sub_pixel_conv(padded, sub_pixel_weight(self.weight), sub_pixel_bias(self.bias))


class ConvNormReLU(nn.Sequential):
    """Convolution, norm, ReLU; the norm's shift makes a convolution bias redundant."""

    def __init__(self, channels: int, width: int, kernel: int, norm: Norm, stride: int = 1) -> None:
        super().__init__(Conv(channels, width, kernel, stride), norm(width), nn.ReLU(inplace=True))

    def forward(self, x: Tensor) -> Tensor:
        """Convolve, normalise and rectify (B, C, H, W)."""
        conv, norm, relu = self
        out = norm(conv(x), relu=True) if isinstance(norm, InstanceNorm) else relu(norm(conv(x)))
        assert isinstance(out, Tensor)
        return out


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
