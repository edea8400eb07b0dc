"""Exact changes to a net that make its graph faster; the net that trains keeps its modules."""

from __future__ import annotations

import copy

from torch import Tensor, nn
from torch.nn.functional import pad

from stylenet.nets.blocks import Conv
from stylenet.nets.slim import DoublingConv
from stylenet.ops.sub_pixel import PHASES, doubling_weight, phase_bias, phase_conv, phase_weight

FEW = 8
"""Output channels below which the lanes of a vector unit stand idle."""


class PhaseConv(nn.Module):
    """A stride-1 `Conv` of few channels as one of stride p with p² times as many, p `phases`."""

    def __init__(self, conv: Conv, phases: int = PHASES) -> None:
        super().__init__()
        self.phases = phases
        self.margin = conv.kernel_size[0] // 2
        self.weight = nn.Parameter(phase_weight(conv.weight.detach(), phases))
        bias = None if conv.bias is None else conv.bias.detach()
        self.bias = None if bias is None else nn.Parameter(phase_bias(bias, phases))

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (B, C, H, W), mirrored by half a kernel on every side."""
        mirrored = pad(x, (self.margin, self.margin + self.phases - 1) * 2, "reflect")
        return phase_conv(mirrored, self.weight, self.bias, self.phases)


def folded(head: DoublingConv) -> nn.Module:
    """A `DoublingConv` with its kernels smoothed once and for all."""
    assert head.bias is not None
    conv = Conv(head.in_channels, head.out_channels * PHASES**2, 3, bias=True)
    conv.weight = nn.Parameter(doubling_weight(head.weight.detach()))
    conv.bias = nn.Parameter(phase_bias(head.bias.detach()))
    return nn.Sequential(conv, nn.PixelShuffle(PHASES))


def rewritten(net: nn.Module, phases: int = PHASES) -> nn.Module:
    """A copy of `net`: every stride-1 `Conv` of few output channels as a `PhaseConv` of `phases`,
    and every `DoublingConv` `folded`."""
    net = copy.deepcopy(net)
    for module in list(net.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, DoublingConv):
                setattr(module, name, folded(child))
            elif isinstance(child, Conv) and child.stride == (1, 1) and child.out_channels < FEW:
                setattr(module, name, PhaseConv(child, phases))
    return net
