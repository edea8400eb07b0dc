"""The feed-forward transformer net of Johnson et al. 2016 (supplementary material, table 1)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from stylenet.nets.attention import SelfAttention
from stylenet.nets.blocks import ConvNormReLU, Head, InstanceNorm, Norm, Residual, fitted
from stylenet.ops.upsample import binomial, upsample
from stylenet.system.errors import UserError

CENTRE = 0.5
CONTRAST = 64 / 255
"""The net works on (image - 1/2) / CONTRAST: about unit variance in and out, and middle grey at
the start of training."""

NORMS: dict[str, Norm] = {
    "instance": InstanceNorm,
    "batch": nn.BatchNorm2d,
}

UPSAMPLINGS: dict[str, Callable[[Tensor], Tensor]] = {
    "smooth": upsample,
    "nearest": partial(interpolate, scale_factor=2.0),
}
"""Choice → how features are resized."""


class TransformerNet(nn.Module):
    """9x9 convolution, two strided ones, residual blocks, two upsamplings, 9x9 convolution.

    Norms are InstanceNorm (Ulyanov et al. 2017), because the photo's contrast should not show in
    the stylised picture. Upsampling is resizing and a 3x3 convolution (Odena et al. 2016).

    Resized features alternate from one pixel to the next. ReLU makes a pattern of this, and the
    style loss accepts the pattern. After a short training, nearest-neighbour and bilinear resizing
    leave diagonal hatching locked to the pixel grid, with spectral lines at 1/4 and 1/2 cycle per
    pixel. So quarter-size features are smoothed by [1 2 1]/4, which is 0 at their highest
    frequency, and then resized bilinearly. This removes the lines. The quarter size cannot carry
    the photo's fine detail, so it comes over skips from the way down (Ronneberger et al. 2015).

    Args:
        width: factor on Johnson's channels 32, 64, 128.
        blocks: residual blocks at a quarter of the size.
        norm: ``instance``, or ``batch`` for comparison.
        upsampling: ``smooth``, or ``nearest`` as published, which leaves hatching.
        skips: read half- and full-size features from the way down beside the upsampled features;
            False as published.
        attention: let the quarter-size features look at far parts of the picture; False as
            published.

    Raises:
        UserError: an unknown norm or upsampling, or a width that leaves no channel.
    """

    joined: ClassVar[tuple[int, int]] = (1, 1)
    """How many pictures the first convolution reads, and the features of how many the second.
    Nets for clips read several frames, concatenated."""

    steady: ClassVar[bool] = False
    """Smooth the inputs of strided convolutions, too (Zhang 2019, section 3.2). Nets for clips do.
    Unsmoothed, strokes are bound to the pixel grid: a photo that moves by four pixels keeps its
    strokes (RMSE 0.004 of 1), a photo that moves by one pixel gets others (0.067)."""

    def __init__(
        self,
        width: float = 1.0,
        blocks: int = 5,
        norm: str = "instance",
        upsampling: str = "smooth",
        skips: bool = True,
        attention: bool = False,
    ) -> None:
        super().__init__()
        if upsampling not in UPSAMPLINGS:
            raise UserError(
                f"net.upsampling={upsampling} is unknown; use {' or '.join(UPSAMPLINGS)}"
            )
        if norm not in NORMS:
            raise UserError(f"net.norm={norm} is unknown; use {' or '.join(NORMS)}")
        low, mid, high = (round(width * channels) for channels in (32, 64, 128))
        if low < 1 or blocks < 0:
            raise UserError(f"net.width={width}, net.blocks={blocks} leave no net; use more")
        make_norm = NORMS[norm]
        self.resize = UPSAMPLINGS[upsampling]
        self.smooth = binomial if upsampling == "smooth" else nn.Identity()
        pictures, features = self.joined
        self.stem = ConvNormReLU(3 * pictures, low, 9, make_norm)
        self.down1 = ConvNormReLU(low * features, mid, 3, make_norm, stride=2)
        self.down2 = ConvNormReLU(mid, high, 3, make_norm, stride=2)
        self.residuals = nn.Sequential(*(Residual(high, make_norm) for _ in range(blocks)))
        self.skips = skips
        self.up1 = ConvNormReLU(high + mid * skips, mid, 3, make_norm)
        self.up2 = ConvNormReLU(mid + low * skips, low, 3, make_norm)
        self.head = Head(low, 3, 9)
        # Last, so that the other layers start with the same random weights as without it.
        self.attention = SelfAttention(high) if attention else nn.Identity()

    def forward(self, image: Tensor) -> Tensor:
        """Stylise `image`: (B, 3, H, W) in [0, 1], any H, W ≥ 32 → the same shape, unclamped."""
        full = self.stem((image - CENTRE) / CONTRAST)  # (B, 32, H, W)
        return self.painted(full, self.down1(self.shrinkable(full)))

    def shrinkable(self, features: Tensor) -> Tensor:
        """`features` as a strided convolution reads them: smoothed if `steady`, the same shape."""
        return binomial(features) if self.steady else features

    def painted(self, full: Tensor, half: Tensor) -> Tensor:
        """The result of the first features, (B, 32, H, W) and (B, 64, ⌈H/2⌉, ⌈W/2⌉)."""
        quarter = self.down2(self.shrinkable(half))  # (B, 128, ⌈H/4⌉, ⌈W/4⌉)
        quarter = self.attention(self.residuals(quarter))
        x = self.up1(self._upsample(self.smooth(quarter), half))
        x = self.up2(self._upsample(x, full))
        out: Tensor = self.head(x) * CONTRAST + CENTRE
        return out

    def _upsample(self, x: Tensor, beside: Tensor) -> Tensor:
        """Upsample `x`, crop it to `beside`, and concatenate `beside` if there are skips."""
        upsampled = fitted(self.resize(x), beside)
        return torch.cat([upsampled, beside], 1) if self.skips else upsampled
