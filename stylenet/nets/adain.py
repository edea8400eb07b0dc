"""Adaptive instance normalisation (Huang & Belongie 2017): a style is 512 means and deviations."""

from __future__ import annotations

import torch
from torch import Tensor

from stylenet.nets.arbitrary import ArbitraryNet, Features, mean_and_deviation, normalized

LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")


class AdaIN(ArbitraryNet):
    """Frozen VGG-19 to relu4_1, whose channels take the style's statistics; a decoder.

    A code is (B, 1024): the means of relu4_1's channels, then their deviations. The net is linear
    in it up to the decoder, so the mean of codes, weighted, is a mixture of styles (equation 15).

    Args:
        width: factor on the decoder's channels.
        weights: of the encoder, as of `VGG`.
    """

    TRANSFERRED = ("relu4_1",)
    has_strength = True

    def __init__(self, width: float = 1.0, weights: str = "caffe") -> None:
        super().__init__(LAYERS, width, weights)

    def code_of(self, features: Features) -> Tensor:
        """(B, 1024)."""
        return torch.cat(mean_and_deviation(features["relu4_1"]), 1).flatten(1)

    def transfer(self, features: Features, code: Tensor, strength: Tensor | None = None) -> Tensor:
        """AdaIN (equation 8), towards which the photo's features go by `strength` (equation 14)."""
        photo = features["relu4_1"].float()  # (B, 512, h, w)
        styled = adain(photo, code)
        return styled if strength is None else photo.lerp(styled, strength.view(-1, 1, 1, 1))


def adain(features: Tensor, code: Tensor) -> Tensor:
    """(B, C, h, w) with the means and deviations of `code`, (B, 2 C), in its channels."""
    mean, deviation = code.view(-1, features.shape[1] * 2, 1, 1).chunk(2, 1)
    return normalized(features) * deviation + mean
