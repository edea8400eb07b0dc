"""The U-Net of Ronneberger et al. 2015, as a generator in the way of Isola et al. 2017."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from stylenet.nets.blocks import Conv, ConvNormReLU, InstanceNorm, fitted
from stylenet.ops.upsample import upsample
from stylenet.system.errors import UserError

CHANNELS = (64, 128, 256, 512, 512)
"""Channels at the full size, at half the size … at 1/16 (Isola et al. 2017, section 6.1.1)."""


class UNet(nn.Module):
    """Down to a sixteenth of the size and up again, with a skip at each size.

    There is no norm at the full size, as in Isola et al. 2017: InstanceNorm removes brightness and
    contrast, and no photo can be restored from its painting without them. Upsampling is resizing
    and a 3x3 convolution (Odena et al. 2016), because a transposed convolution would leave a
    checkerboard.

    Args:
        width: factor on `CHANNELS`.

    Raises:
        UserError: a width that leaves no channel.
    """

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        channels = [round(width * count) for count in CHANNELS]
        if channels[0] < 1:
            raise UserError(f"net.width={width} leaves no net; use more")
        steps = list(pairwise(channels))
        (full, half), *deeper = steps
        self.stem = _conv_relu(3, full)
        self.down = nn.ModuleList(
            ConvNormReLU(above, below, 3, InstanceNorm, stride=2) for above, below in steps
        )
        self.up = nn.ModuleList(
            ConvNormReLU(below + above, above, 3, InstanceNorm) for above, below in deeper[::-1]
        )
        self.up.append(_conv_relu(half + full, full))
        self.head = Conv(full, 3, 3, bias=True)

    def forward(self, image: Tensor) -> Tensor:
        """Translate `image`: (B, 3, H, W) in [0, 1], any H, W ≥ 32 → the same shape and range."""
        sizes = [self.stem(2 * image - 1)]  # (B, 64, H, W)
        for down in self.down:
            sizes.append(down(sizes[-1]))  # (B, 512, ⌈H/16⌉, ⌈W/16⌉) in the end
        x = sizes.pop()
        for up in self.up:
            x = up(_joined(x, sizes.pop()))
        out: Tensor = (1 + torch.tanh(self.head(x))) / 2
        return out


def _conv_relu(channels: int, width: int) -> nn.Sequential:
    # Not in place: an export would write into the slice that a rewritten convolution ends with.
    return nn.Sequential(Conv(channels, width, 3, bias=True), nn.ReLU())


def _joined(x: Tensor, beside: Tensor) -> Tensor:
    """Upsample `x`, crop it to `beside`, and concatenate `beside`."""
    return torch.cat([fitted(upsample(x), beside), beside], 1)
