"""The one judge of all models: content and style by VGG features of the original weights.

Content is compared at relu4_2 and style at relu1_1 … relu5_1, as in loss=default.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import geometric_mean

import torch
from torch import Tensor

from stylenet.losses.functional import channel_statistics, energy, squared_error, total_variation
from stylenet.losses.perceptual import PerceptualLoss
from stylenet.ops.gram import gram_matrix
from stylenet.pictures.images import Bytes
from stylenet.pixels.optimisation import PixelLoss, optimize
from stylenet.tensors import to_tensor
from stylenet.vgg import VGG

CONTENT_LAYER = "relu4_2"
STYLE_LAYERS = {"relu1_1": 0.4, "relu2_1": 0.345, "relu3_1": 0.15, "relu4_1": 0.1, "relu5_1": 0.005}
STYLE_WEIGHT = 13.5
TV_WEIGHT = 1.0
"""The layers and weights of loss=default, without vigour: models are compared by one weight."""

_LEAST = 1e-9
"""A relative error that is as good as none. It has a logarithm, which 0 has not."""

Features = Mapping[str, Tensor]
Errors = dict[str, dict[str, float]]
"""Layer → ``raw``, the mean squared difference, and ``relative``, ``raw`` over the target's energy.
A relative error of 1 is as far off as a blank picture."""


@dataclass(frozen=True)
class Target:
    """The statistics of a style picture, by layer.

    gram: (1, C, C). statistics: (1, 2, C).
    """

    gram: Features
    statistics: Features


class Judge:
    """Losses of stylised pictures, all uint8 (H, W, 3), as the user sees them."""

    def __init__(self) -> None:
        self.vgg = VGG([*STYLE_LAYERS, CONTENT_LAYER]).read()

    def sha256(self) -> str:
        """The sha256 of the weights, in the order of their layers."""
        digest = hashlib.sha256()
        for weights in self.vgg.stages.state_dict().values():
            digest.update(weights.contiguous().numpy().tobytes())
        return digest.hexdigest()

    @torch.no_grad()
    def features(self, rgb: Bytes) -> Features:
        """Layer → (1, C, h, w)."""
        features: Features = self.vgg(to_tensor(rgb))
        return features

    def target(self, style: Bytes) -> Target:
        """The statistics of `style`."""
        features = self.features(style)
        layers = {layer: features[layer] for layer in STYLE_LAYERS}
        return Target(_each(gram_matrix, layers), _each(channel_statistics, layers))

    def content(self, stylized: Features, photo: Features) -> Errors:
        """Errors of the features against the photo's, at `CONTENT_LAYER`."""
        return _errors({CONTENT_LAYER: stylized[CONTENT_LAYER]}, photo)

    def style(self, stylized: Features, target: Target) -> dict[str, Errors]:
        """Errors of Gram matrices, and of means and deviations, against the style's, by layer."""
        layers = {layer: stylized[layer] for layer in STYLE_LAYERS}
        return {
            "gram": _errors(_each(gram_matrix, layers), target.gram),
            "mean_std": _errors(_each(channel_statistics, layers), target.statistics),
        }

    def look(self, stylized: Bytes, photo: Bytes, target: Target) -> dict[str, float]:
        """How far off a result looks from its photo and from the style picture: see `look`."""
        features = self.features(stylized)
        content = self.content(features, self.features(photo))
        return look(content, self.style(features, target)["gram"])

    def lbfgs(self, photo: Bytes, style: Bytes, iterations: int) -> list[float]:
        """`total` before each iteration of pixel optimisation from the photo, and at the end."""
        steps = optimize(self.pixel_loss(photo, style), to_tensor(photo), iterations)
        return [step.terms["total"] for step in steps]

    def pixel_loss(self, photo: Bytes, style: Bytes) -> PixelLoss:
        """The loss that pixel optimisation lowers: `total`."""
        loss = PerceptualLoss(
            content_layers={CONTENT_LAYER: 1.0},
            style_layers=STYLE_LAYERS,
            content_weight=1.0,
            style_weight=STYLE_WEIGHT,
            tv_weight=TV_WEIGHT,
            relative=True,
        )
        loss.set_style(self.features(style))
        return PixelLoss(self.vgg, loss, to_tensor(photo))


def total(stylized: Bytes, content: Errors, gram: Errors) -> dict[str, float]:
    """The terms of loss=default: ``content``, ``style`` (weighted by layer), ``tv``, ``total``.

    Args:
        stylized: the result, uint8 (H, W, 3). content, gram: its errors.
    """
    style = sum(weight * gram[layer]["relative"] for layer, weight in STYLE_LAYERS.items())
    terms = {"content": content[CONTENT_LAYER]["relative"], "style": style}
    terms["tv"] = total_variation(to_tensor(stylized)).item()
    weighted = terms["content"] + STYLE_WEIGHT * style + TV_WEIGHT * terms["tv"]
    return {**terms, "total": weighted}


def look(content: Errors, gram: Errors) -> dict[str, float]:
    """How far off a result looks: ``content``, and ``style``, the geometric mean over the layers.

    Every layer counts by its ratio. Relu5_1, whose errors are ten times as large, would rule a
    plain mean.
    """
    errors = [max(gram[layer]["relative"], _LEAST) for layer in STYLE_LAYERS]
    return {"content": content[CONTENT_LAYER]["relative"], "style": geometric_mean(errors)}


def _each(function: Callable[[Tensor], Tensor], features: Features) -> Features:
    return {layer: function(value) for layer, value in features.items()}


def _errors(values: Features, targets: Features) -> Errors:
    return {layer: _error(value, targets[layer]) for layer, value in values.items()}


def _error(value: Tensor, target: Tensor) -> dict[str, float]:
    raw = squared_error(value, target)
    return {"raw": raw.item(), "relative": (raw / energy(target)).item()}
