"""Adaptive instance normalisation (Huang & Belongie 2017): a style is means and deviations."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from stylenet.nets.arbitrary import ArbitraryNet, Features
from stylenet.nets.decoder import CHANNELS, LEVELS, Decoder
from stylenet.ops.statistics import mean_std, normalized

LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")


class AdaIN(ArbitraryNet):
    """Frozen VGG-19 up to relu4_1, whose channels take the style's statistics, and a decoder.

    With skips, relu3_1, relu2_1 and relu1_1 take their statistics, too, and reach the decoder. From
    relu4_1 alone, the decoder has to learn colours and outlines anew, and this takes far longer.

    A code is (B, 1920): the means and deviations of relu4_1's channels, then those of relu3_1,
    relu2_1 and relu1_1. Without skips it is (B, 1024), for relu4_1 alone. Up to the decoder the net
    is linear in the code, so a weighted mean of codes is a mixture of styles (equation 15).

    Args:
        width: factor on the decoder's channels.
        skips: False as published.
        weights: the encoder's, as in `VGG`.
    """

    has_alpha = True

    def __init__(self, width: float = 1.0, skips: bool = True, weights: str = "caffe") -> None:
        super().__init__(LAYERS, Decoder(width, skips), weights)
        self.transferred = LEVELS if skips else LEVELS[:1]

    def code_of(self, features: Features) -> Tensor:
        """(B, 1920) or (B, 1024)."""
        return statistics(features, self.transferred)

    def transfer(
        self, features: Features, code: Tensor, alpha: Tensor | None = None
    ) -> dict[str, Tensor]:
        """AdaIN (equation 8), mixed by `alpha` with the photo's own features (equation 14)."""
        return with_statistics(features, code, self.transferred, alpha)


def statistics(features: Features, levels: Sequence[str]) -> Tensor:
    """Means, then deviations, of the channels of each level: (B, twice their number)."""
    pairs = [mean_std(features[level]) for level in levels]
    return torch.cat([part for pair in pairs for part in pair], 1).flatten(1)


def with_statistics(
    features: Features, code: Tensor, levels: Sequence[str], alpha: Tensor | None = None
) -> dict[str, Tensor]:
    """Each level's features with the statistics of `code`, as `statistics` gives it.

    Args:
        alpha: (B,), from 0, the features as they are, to 1, the code's statistics. None is 1.
    """
    parts = torch.split(code, [2 * CHANNELS[level] for level in levels], 1)
    moved = {}
    for level, part in zip(levels, parts, strict=True):
        before = features[level].float()  # (B, C, h, w)
        after = adain(before, part)
        moved[level] = after if alpha is None else before.lerp(after, alpha.view(-1, 1, 1, 1))
    return moved


def adain(features: Tensor, code: Tensor) -> Tensor:
    """(B, C, h, w) with the means and deviations of `code`, (B, 2 C), in its channels."""
    mean, deviation = code.view(-1, features.shape[1] * 2, 1, 1).chunk(2, 1)
    return normalized(features) * deviation + mean
