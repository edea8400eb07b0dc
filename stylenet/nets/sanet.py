"""Style-attentional network (Park & Lee 2019): each place looks for its like in the style."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, scaled_dot_product_attention

from stylenet.nets.adain import statistics, with_statistics
from stylenet.nets.arbitrary import ArbitraryNet, Features
from stylenet.nets.blocks import Conv
from stylenet.nets.decoder import CHANNELS as WIDTHS
from stylenet.nets.decoder import LEVELS, SCALE, Decoder
from stylenet.ops.statistics import EPS, normalized

LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")

CHANNELS = 512
"""Channels of relu4_1, and of relu5_1."""

QUERIES = 1024
"""Places of the photo that look at the style at once. Memory grows with them times the style's."""

DEEP = 8.0
"""How many times larger relu4_1's features are than relu5_1's, as measured."""


class Attention(nn.Module):
    """Attention of a photo's places to a style's, with 1x1 convolutions before and after.

    Queries and keys are normalised features, values are plain features (section 3.1, equation 1).
    Products are divided by the root of the number of channels; this is common, but the paper leaves
    it out. The convolutions start as identities, so a place finds its like in the style at once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(CHANNELS, CHANNELS) for _ in range(3))
        self.out = nn.Linear(CHANNELS, CHANNELS)
        for linear in (self.query, self.key, self.value, self.out):
            nn.init.eye_(linear.weight)
            nn.init.zeros_(linear.bias)

    def forward(self, photo: Tensor, style: Tensor, weight: Tensor) -> Tensor:
        """The photo's features plus what was found in the style.

        Args:
            photo: (B, 512, h, w). style: (B, 512, T). weight: (B, T), added to the products.

        Returns:
            (B, 512, h, w).
        """
        query = self.query(normalized(photo).flatten(2).mT)  # (B, h w, 512)
        key = self.key(normalized(style).mT)  # (B, T, 512)
        found = attended(query, key, self.value(style.mT), weight)
        moved: Tensor = self.out(found).mT.unflatten(2, photo.shape[2:])
        return photo + moved


class SANet(ArbitraryNet):
    """Attention at relu4_1 and relu5_1, summed, and a decoder (section 3.2).

    With skips, relu3_1, relu2_1 and relu1_1 reach the decoder, too, with the style's means and
    deviations, as in `AdaIN`: attention there would cost the square of the photo's area. The result
    of attention gets the means and deviations of the style's relu4_1, because averages over what
    was found vary less than the style does.

    A code is (B, 1025, 1 + T). The first column holds the means and deviations of the skips, or
    zeros. Every other column is a place of relu4_1: its 512 channels, the 512 of relu5_1 there, and
    a weight, 0 for a single style. A mixture has the places of all its styles. Their weights are
    the logarithms of the styles' shares, so softmax counts each place in proportion to the share.

    Args:
        width: factor on the decoder's channels.
        skips: False as published.
        weights: the encoder's, as in `VGG`.
    """

    has_alpha = False  # it would cost attention of the photo to itself, each time

    def __init__(self, width: float = 1.0, skips: bool = True, weights: str = "caffe") -> None:
        super().__init__(LAYERS, Decoder(width, skips), weights)
        self.levels = LEVELS[1:] if skips else ()
        self.transferred = (*self.levels, "relu4_1", "relu5_1")
        self.attention = nn.ModuleList([Attention(), Attention()])
        self.merge = Conv(CHANNELS, CHANNELS, 3, bias=True)
        nn.init.dirac_(self.merge.weight).data.div_(4)  # of a sum of two photos and two findings
        nn.init.zeros_(self.merge.bias)  # type: ignore[arg-type]  # it has one

    def code_of(self, features: Features) -> Tensor:
        """(B, 1025, 1 + T)."""
        fine, deep = scaled(features)
        deep = interpolate(deep, size=fine.shape[2:], mode="nearest")
        places = torch.cat([fine, deep, torch.zeros_like(fine[:, :1])], 1).flatten(2)
        first = torch.zeros_like(places[:, :, 0])
        if self.levels:
            first = _first_column(statistics(features, self.levels), first)
        return torch.cat([first[:, :, None], places], 2)

    def transfer(
        self, features: Features, code: Tensor, alpha: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Attention to the style, mixed by `alpha` with the photo's to itself (section 4.4)."""
        styled = self._attend(features, code[:, :, 1:])
        if alpha is not None:
            own = self._attend(features, self.code_of(features)[:, :, 1:])
            styled = own.lerp(styled, alpha.view(-1, 1, 1, 1))
        if not self.levels:
            return {"relu4_1": styled}
        numbers = code[:, : 2 * sum(WIDTHS[level] for level in self.levels), 0]
        return {
            "relu4_1": styled,
            **with_statistics(features, numbers, self.levels, alpha),
        }

    def _attend(self, features: Features, code: Tensor) -> Tensor:
        styles = code[:, :CHANNELS], code[:, CHANNELS:-1]  # (B, 512, T) each
        fine, deep = (
            attention(photo, style, code[:, -1])
            for attention, photo, style in zip(
                self.attention, scaled(features), styles, strict=True
            )
        )
        deep = interpolate(deep, size=fine.shape[2:], mode="nearest")
        merged: Tensor = self.merge(fine + deep).float()
        if self.levels:
            mean, deviation = _moments(styles[0], code[:, -1])
            merged = normalized(merged) * deviation + mean
        return merged * SCALE["relu4_1"]


def _moments(places: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation of each channel of (B, C, T), places weighing exp(weight), (B, T).

    Returns:
        (B, C, 1, 1) each.
    """
    share = torch.softmax(weight, 1)[:, None]  # (B, 1, T)
    mean = (places * share).sum(2, keepdim=True)
    variance = ((places - mean).square() * share).sum(2, keepdim=True)
    return mean[..., None], (variance + EPS).sqrt()[..., None]


def _first_column(numbers: Tensor, zeros: Tensor) -> Tensor:
    """Numbers, (B, n), with zeros behind them up to the length of `zeros`, (B, 1025)."""
    return torch.cat([numbers, zeros[:, numbers.shape[1] :]], 1)


def scaled(features: Features) -> tuple[Tensor, Tensor]:
    """relu4_1 and relu5_1 of (B, 512, …), in float32, of like magnitude."""
    fine, deep = features["relu4_1"].float(), features["relu5_1"].float()
    return fine / SCALE["relu4_1"], deep * (DEEP / SCALE["relu4_1"])


def attended(query: Tensor, key: Tensor, value: Tensor, weight: Tensor) -> Tensor:
    """softmax(Q Kᵀ / √C + weight) V, a block of queries at a time.

    Args:
        query: (B, P, C). key, value: (B, T, C). weight: (B, T).

    Returns:
        (B, P, C).
    """
    query, key, value = (each[:, None] for each in (query, key, value))  # one head
    bias = weight[:, None, None].to(query.dtype)  # (B, 1, 1, T)
    if torch.onnx.is_in_onnx_export():
        return scaled_dot_product_attention(query, key, value, attn_mask=bias)[:, 0]
    blocks = [
        scaled_dot_product_attention(block, key, value, attn_mask=bias)
        for block in torch.split(query, QUERIES, 2)
    ]
    return torch.cat(blocks, 2)[:, 0]
