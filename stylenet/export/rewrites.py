"""Exact changes to a net that make its graph faster; the net that trains keeps its modules."""

from __future__ import annotations

import copy

from torch import Tensor, nn
from torch.nn.functional import pad

from stylenet.nets.blocks import Conv
from stylenet.nets.slim import UpsampledConv
from stylenet.ops.sub_pixel import (
    FACTOR,
    sub_pixel_bias,
    sub_pixel_conv,
    sub_pixel_weight,
    upsampled_weight,
)

FEW = 8
"""Output channels below which the lanes of a vector unit stand idle."""


class SubPixelConv(nn.Module):
    """A stride-1 `Conv` to few channels as one of stride `factor` to factor² times as many."""

    def __init__(self, conv: Conv, factor: int = FACTOR) -> None:
        super().__init__()
        self.factor = factor
        self.margin = conv.kernel_size[0] // 2
        self.weight = nn.Parameter(sub_pixel_weight(conv.weight.detach(), factor))
        bias = None if conv.bias is None else conv.bias.detach()
        self.bias = None if bias is None else nn.Parameter(sub_pixel_bias(bias, factor))

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (B, C, H, W), mirrored by half a kernel on every side."""
        mirrored = pad(x, (self.margin, self.margin + self.factor - 1) * 2, "reflect")
        return sub_pixel_conv(mirrored, self.weight, self.bias, self.factor)


def folded(head: UpsampledConv) -> nn.Module:
    """An `UpsampledConv` as a plain convolution, its kernels smoothed in advance."""
    assert head.bias is not None
    conv = Conv(head.in_channels, head.out_channels * FACTOR**2, 3, bias=True)
    conv.weight = nn.Parameter(upsampled_weight(head.weight.detach()))
    conv.bias = nn.Parameter(sub_pixel_bias(head.bias.detach()))
    return nn.Sequential(conv, nn.PixelShuffle(FACTOR))


def rewritten(net: nn.Module, factor: int = FACTOR) -> nn.Module:
    """A copy of `net` with every stride-1 `Conv` of few output channels as a `SubPixelConv`.

    Every `UpsampledConv` is `folded`, too.
    """
    net = copy.deepcopy(net)
    for module in list(net.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, UpsampledConv):
                setattr(module, name, folded(child))
            elif isinstance(child, Conv) and child.stride == (1, 1) and child.out_channels < FEW:
                setattr(module, name, SubPixelConv(child, factor))
    return net
