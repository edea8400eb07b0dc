"""Exact changes to a net that make its graph faster; the net that trains keeps its modules."""

from __future__ import annotations

import copy

from torch import Tensor, nn
from torch.nn.functional import pad

from stylenet.nets.blocks import Conv
from stylenet.nets.phases import phase_bias, phase_conv, phase_weight

FEW = 8
"""Output channels below which the lanes of a vector unit stand idle."""


class PhaseConv(nn.Module):
    """A stride-1 `Conv` of few channels as one of stride 2 with four times as many."""

    def __init__(self, conv: Conv) -> None:
        super().__init__()
        self.margin = conv.kernel_size[0] // 2
        self.weight = nn.Parameter(phase_weight(conv.weight.detach()))
        bias = None if conv.bias is None else conv.bias.detach()
        self.bias = None if bias is None else nn.Parameter(phase_bias(bias))

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (B, C, H, W), mirrored by half a kernel on every side."""
        mirrored = pad(x, (self.margin,) * 4, "reflect")
        return phase_conv(mirrored, self.weight, self.bias)


def rewritten(net: nn.Module) -> nn.Module:
    """A copy of `net` with every stride-1 `Conv` of few output channels as a `PhaseConv`."""
    net = copy.deepcopy(net)
    for module in list(net.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, Conv) and child.stride == (1, 1) and child.out_channels < FEW:
                setattr(module, name, PhaseConv(child))
    return net
