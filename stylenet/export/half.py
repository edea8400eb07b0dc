"""A net in float16 whose norms stay in float32, for GPUs: half the bits are twice the speed there.

float16 lacks the digits for a mean over many pixels, and the range for a variance.
"""

from __future__ import annotations

import copy

from torch import Tensor, nn

from stylenet.nets.blocks import InstanceNorm


class Half(nn.Module):
    """A copy of `net` in float16: float32 images in and out, as before."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = copy.deepcopy(net).half()
        for module in list(self.net.modules()):
            for name, child in list(module.named_children()):
                if isinstance(child, InstanceNorm):
                    setattr(module, name, _Float32(child))

    def forward(self, image: Tensor) -> Tensor:
        """Stylise (N, 3, H, W) in [0, 1]."""
        stylized: Tensor = self.net(image.half())
        return stylized.float()


class _Float32(nn.Module):
    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm = norm.float()

    def forward(self, x: Tensor) -> Tensor:
        normal: Tensor = self.norm(x.float())
        return normal.half()
