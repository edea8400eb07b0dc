"""A transformer net for real time: no features are as large as the picture."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from stylenet.nets.blocks import Conv, ConvNormReLU, InstanceNorm, Residual, fitted
from stylenet.nets.johnson import CENTRE, CONTRAST
from stylenet.ops.reflection import reflection_pad
from stylenet.ops.sub_pixel import pixel_shuffle, sub_pixel_bias, upsampled_weight
from stylenet.ops.upsample import binomial, upsample
from stylenet.system.errors import UserError


class SlimNet(nn.Module):
    """`TransformerNet` that begins and ends at half the picture's size.

    A narrow net spends most of its time at the full size, where its few channels do not fill vector
    units. Here a strided convolution reads the picture, and the last convolution paints four pixels
    from each place at half the size.

    The four pixels must not be independent. The net would then paint a grid of coloured dots, and
    the style loss takes the dots for strokes: 1.57 instead of 1.88 after 500 steps, and useless. So
    the last layer is an `UpsampledConv`, a convolution of features resized bilinearly. Where
    features are even, the picture is even, too.

    Args:
        channels: of the features at a quarter of the size; at half the size there are half as many.
        blocks: residual blocks at a quarter of the size.

    Raises:
        UserError: a number that leaves no channel.
    """

    def __init__(self, channels: int = 32, blocks: int = 3) -> None:
        super().__init__()
        half = channels // 2
        if half < 1 or blocks < 0:
            raise UserError(f"net.channels={channels}, net.blocks={blocks} leave no net; use more")
        self.stem = ConvNormReLU(3, half, 5, InstanceNorm, stride=2)
        self.down = ConvNormReLU(half, channels, 3, InstanceNorm, stride=2)
        self.residuals = nn.Sequential(*(Residual(channels, InstanceNorm) for _ in range(blocks)))
        self.narrow = nn.Conv2d(channels, half, 1, bias=False)
        self.up = ConvNormReLU(2 * half, half, 3, InstanceNorm)
        self.head = UpsampledConv(half, 3)

    def forward(self, image: Tensor) -> Tensor:
        """Stylise `image`: (B, 3, H, W) in [0, 1], any H, W ≥ 32 → the same shape, unclamped."""
        half = self.stem((image - CENTRE) / CONTRAST)  # (B, 16, ⌈H/2⌉, ⌈W/2⌉)
        quarter = self.residuals(self.down(half))  # (B, 32, ⌈H/4⌉, ⌈W/4⌉)
        upsampled = upsample(binomial(self.narrow(quarter)))
        x = self.up(torch.cat([fitted(upsampled, half), half], 1))
        out: Tensor = fitted(self.head(x), image) * CONTRAST + CENTRE
        return out


class UpsampledConv(Conv):
    """A 3x3 convolution of features resized bilinearly to twice the size, in one step."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__(channels, width, 3, bias=True)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → (B, width, 2 H, 2 W). Features are mirrored before they are resized."""
        assert self.bias is not None
        weight, bias = upsampled_weight(self.weight), sub_pixel_bias(self.bias)
        return pixel_shuffle(conv2d(reflection_pad(x, 1), weight, bias), 2)
