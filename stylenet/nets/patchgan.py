"""The discriminator of Isola et al. 2017: which patches of a picture look real."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from stylenet.nets.blocks import InstanceNorm
from stylenet.system.errors import UserError

CHANNELS = (64, 128, 256, 512)
STRIDES = (2, 2, 2, 1)
"""The 70x70 discriminator (Isola et al. 2017, section 6.1.2): each score sees 70x70 pixels."""

SLOPE = 0.2
"""Slope of the LeakyReLUs, from the same section."""


class PatchGAN(nn.Sequential):
    """Images (B, 3, H, W) in [0, 1], H and W ≥ 32 → a score for each patch, (B, 1, h, w).

    4x4 convolutions, InstanceNorm behind all but the first and the last (Zhu et al. 2017,
    section 7.2).

    Args:
        width: factor on `CHANNELS`.

    Raises:
        UserError: a width that leaves no channel.
    """

    def __init__(self, width: float = 1.0) -> None:
        channels = [round(width * count) for count in CHANNELS]
        if channels[0] < 1:
            raise UserError(f"task.critic.width={width} leaves no discriminator; use more")
        first, *strides = STRIDES
        layers = [nn.Conv2d(3, channels[0], 4, first, padding=1), nn.LeakyReLU(SLOPE)]
        for (before, after), stride in zip(pairwise(channels), strides, strict=True):
            conv = nn.Conv2d(before, after, 4, stride, padding=1, bias=False)
            layers += [conv, InstanceNorm(after), nn.LeakyReLU(SLOPE)]
        super().__init__(*layers, nn.Conv2d(channels[-1], 1, 4, padding=1))

    def forward(self, image: Tensor) -> Tensor:
        """Scores of the patches of `image`: about 1 if a patch looks real, 0 if it looks made."""
        scores: Tensor = super().forward(2 * image - 1)  # type: ignore[no-untyped-call]
        return scores
