"""Exact changes to a net that make its graph faster; training keeps the plain form."""

from __future__ import annotations

import copy

from torch import Tensor, nn
from torch.nn.functional import conv2d, pad, pixel_shuffle

from stylenet.nets.blocks import Conv

PHASES = 2
"""Output pixels along each axis that one convolution gives at once."""

FEW = 8
"""Output channels below which the lanes of a vector unit stand idle."""


class PhaseConv(nn.Module):
    """A stride-1 `Conv` of few channels as one of stride 2 with four times as many.

    Each of the 2 x 2 neighbours that a step of the stride covers has its own channels, whose
    kernels are the plain kernel, shifted; DepthToSpace puts them in their places.
    """

    def __init__(self, conv: Conv) -> None:
        super().__init__()
        channels, width, kernel, _ = conv.weight.shape
        self.margin = kernel // 2
        size = kernel + PHASES - 1
        weight = conv.weight.new_zeros(channels, PHASES, PHASES, width, size, size)
        for y in range(PHASES):
            for x in range(PHASES):
                weight[:, y, x, :, y : y + kernel, x : x + kernel] = conv.weight.detach()
        self.weight = nn.Parameter(weight.flatten(0, 2))
        bias = None if conv.bias is None else conv.bias.detach()
        self.bias = None if bias is None else nn.Parameter(bias.repeat_interleave(PHASES**2))

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (B, C, H, W), mirrored by half a kernel on every side."""
        mirrored = pad(x, (self.margin,) * 4, "reflect")
        even = pad(mirrored, (0, PHASES - 1) * 2)  # odd sizes end with a part of a step
        phases = conv2d(even, self.weight, self.bias, PHASES)
        pixels = pixel_shuffle(phases, PHASES)
        return pixels.narrow(-2, 0, x.shape[-2]).narrow(-1, 0, x.shape[-1])


def rewritten(net: nn.Module) -> nn.Module:
    """A copy of `net` with every stride-1 `Conv` of few output channels as a `PhaseConv`."""
    net = copy.deepcopy(net)
    for module in list(net.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, Conv) and child.stride == (1, 1) and child.out_channels < FEW:
                setattr(module, name, PhaseConv(child))
    return net
