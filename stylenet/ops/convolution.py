"""Convolutions, with or without a stride, under mirrored or zero borders."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import conv2d

from stylenet.ops.cpu import winograd
from stylenet.ops.cpu.winograd import Filters
from stylenet.ops.reflection import reflection_pad

__all__ = ["Filters", "reflected_conv", "zero_padded_conv3x3"]


def reflected_conv(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, stride: int = 1
) -> Tensor:
    """Convolve a picture after reflection padding by half a kernel on every side.

    Args:
        x: (B, C, H, W).
        weight: (O, C, k, k), k odd.
        bias: (O,).
        stride: of the convolution; 1 keeps the size.

    Returns:
        (B, O, ⌈H / stride⌉, ⌈W / stride⌉).
    """
    width = weight.shape[2]
    if width == 3 and stride == 1 and winograd.suits(x, weight):
        return winograd.conv3x3(x, weight, bias, reflect=True)
    return conv2d(reflection_pad(x, width // 2), weight, bias, stride)


def zero_padded_conv3x3(
    x: Tensor, weight: Tensor, bias: Tensor | None, relu: bool, filters: Filters
) -> Tensor:
    """Convolve with zero padding, as VGG does.

    Args:
        x: (B, C, H, W).
        weight: (O, C, 3, 3), frozen.
        bias: (O,).
        relu: set negative results to 0.
        filters: of `weight`, kept from call to call.

    Returns:
        (B, O, H, W).
    """
    if winograd.suits(x, weight):
        return winograd.conv3x3(x, weight, bias, relu=relu, filters=filters)
    out = conv2d(x, weight, bias, padding=1)
    return out.relu_() if relu else out
