"""From VGG features back to pictures: VGG up to relu4_1, mirrored."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from stylenet.nets.blocks import Conv
from stylenet.nets.johnson import CENTRE, CONTRAST
from stylenet.ops.upsample import binomial, upsample
from stylenet.system.errors import UserError

STRIDE = 8
"""Pixels of the picture for each place of relu4_1, along each axis."""

LEVELS = ("relu4_1", "relu3_1", "relu2_1", "relu1_1")
"""The VGG layer of each stage's size, from small to large."""

CHANNELS = {"relu4_1": 512, "relu3_1": 256, "relu2_1": 128, "relu1_1": 64}

SCALE = {"relu4_1": 32.0, "relu3_1": 10.0, "relu2_1": 6.0, "relu1_1": 1.0}
"""The features' standard deviations, as measured. The decoder reads features divided by them."""

STAGES = ((256,), (256, 256, 256, 128), (128, 64), (64,))
"""Channels of the convolutions between the upsamplings (Huang & Belongie 2017, section 6.1)."""


class Decoder(nn.Module):
    """Features → image: 3x3 convolutions and ReLUs under reflection padding, upsampled three times.

    There are no norms, because norms would remove the statistics that make the style. So weights
    start at a scale that keeps variance through ReLUs (He et al. 2015, equation 10). Upsampling is
    bilinear. Features below half the size are smoothed by [1 2 1]/4 first, to leave no hatching, as
    in `TransformerNet`.

    Args:
        width: factor on the channels; the encoder keeps all its channels.
        skips: read relu3_1, relu2_1 and relu1_1 beside the upsampled features; False, as published,
            reads relu4_1 alone.

    Raises:
        UserError: a width that leaves no channel.
    """

    def __init__(self, width: float = 1.0, skips: bool = False) -> None:
        super().__init__()
        if round(width * STAGES[-1][-1]) < 1:
            raise UserError(f"net.width={width} leaves no net; use more")
        self.skips = skips
        channels = 0
        self.stages = nn.ModuleList()
        for level, stage in zip(LEVELS, STAGES, strict=True):
            channels += CHANNELS[level] if skips or not channels else 0
            layers: list[nn.Module] = []
            for wide in stage:
                layers += [Conv(channels, round(width * wide), 3, bias=True), nn.ReLU(inplace=True)]
                channels = round(width * wide)
            self.stages.append(nn.Sequential(*layers))
        self.head = Conv(channels, 3, 3, bias=True)
        for module in self.modules():
            if isinstance(module, Conv) and module.bias is not None:
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)

    def forward(self, features: Mapping[str, Tensor]) -> Tensor:
        """Decode.

        Args:
            features: relu4_1, (B, 512, h, w), h and w at least 4; with skips also the other
                `LEVELS`, each twice as large as the level before.

        Returns:
            (B, 3, 8 h, 8 w), unclamped.
        """
        x = self.stages[0](features[LEVELS[0]] / SCALE[LEVELS[0]])  # (B, 256, h, w)
        for number, level in enumerate(LEVELS[1:], 1):
            smooth = binomial(x) if number < len(LEVELS) - 1 else x
            x = upsample(smooth)
            if self.skips:
                x = torch.cat([x, features[level] / SCALE[level]], 1)
            x = self.stages[number](x)
        image: Tensor = self.head(x) * CONTRAST + CENTRE
        return image
