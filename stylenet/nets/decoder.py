"""From VGG features back to pictures: VGG up to relu4_1, mirrored."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import interpolate

from stylenet.errors import UserError
from stylenet.nets.blocks import Conv
from stylenet.nets.johnson import CENTRE, CONTRAST, binomial

STRIDE = 8
"""Pixels of a side to one of relu4_1."""

CHANNELS = 512
"""Of relu4_1."""

SCALE = 32.0
"""relu4_1's deviation on pictures, as measured: the decoder works on features divided by it."""

STAGES = ((256,), (256, 256, 256, 128), (128, 64), (64,))
"""Channels of the convolutions between the doublings (Huang & Belongie 2017, section 6.1)."""


class Decoder(nn.Module):
    """relu4_1 → image: 3x3 convolutions and ReLUs under reflection padding, three doublings.

    There are no norms, which would take away the very statistics that a style is here; so weights
    start at a scale that keeps variance through ReLUs (He et al. 2015, equation 10). Doubling is
    bilinear, behind a [1 2 1]/4 on all but the half size, as `TransformerNet` does to leave no
    hatching.

    Args:
        width: factor on the channels; the encoder keeps all of its own.

    Raises:
        UserError: a width that leaves no channel.
    """

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        if round(width * STAGES[-1][-1]) < 1:
            raise UserError(f"net.width={width} leaves no net; use more")
        channels = CHANNELS
        self.stages = nn.ModuleList()
        for stage in STAGES:
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

    def forward(self, features: Tensor) -> Tensor:
        """(B, 512, h, w) → (B, 3, 8 h, 8 w), unclamped; h and w at least 4."""
        x = self.stages[0](features / SCALE)  # (B, 256, h, w)
        for number, stage in enumerate(self.stages[1:], 1):
            smooth = binomial(x) if number < len(STAGES) - 1 else x
            x = stage(interpolate(smooth, scale_factor=2.0, mode="bilinear"))
        image: Tensor = self.head(x) * CONTRAST + CENTRE
        return image
