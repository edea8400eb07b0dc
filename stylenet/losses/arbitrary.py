"""The loss of nets for any style: content, statistics of the style, and identity; per image."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor, nn

from stylenet.losses.functional import channel_statistics, energy, squared_error
from stylenet.ops.gram import gram_matrix
from stylenet.ops.statistics import EPS, normalized
from stylenet.system.errors import UserError

Features = Mapping[str, Tensor]


def statistics_error(features: Tensor, style: Tensor) -> Tensor:
    """How far means and deviations are from the style's (Huang & Belongie 2017, equation 13).

    The error is relative to the style's own values: 1 is as far off as a blank picture.

    Args:
        features: (B, C, h, w). style: (B, C, …), of any size.

    Returns:
        (B,).
    """
    return relative_error(channel_statistics(features, EPS), channel_statistics(style, EPS))


def gram_error(features: Tensor, style: Tensor) -> Tensor:
    """How far Gram matrices are from the style's, relative to them as in `statistics_error`."""
    return relative_error(gram_matrix(features), gram_matrix(style))


def relative_error(value: Tensor, target: Tensor) -> Tensor:
    """Mean squared difference over the target's mean square: (B, …) twice → (B,)."""
    return squared_error(value, target) / energy(target)


STATISTICS = {"mean_std": statistics_error, "gram": gram_error}


class ArbitraryLoss(nn.Module):
    """Content + style + identity, all relative as in `PerceptualLoss`. Identity may weigh nothing.

    Args:
        content_layers: VGG layer → weight within the content term.
        style_layers: VGG layer → weight within the style term.
        normalize: True compares normalised features with the photo's (Park & Lee 2019, equation
            8). False compares features with the features that the net gave to its decoder (Huang &
            Belongie 2017, equation 12).
        statistics: what the style term compares: ``mean_std`` (Huang & Belongie 2017, equation 13)
            or ``gram``, Gram matrices. The same authors found Gram matrices to work as well.
        content_weight, style_weight: factors of the two terms in the total.
        pixel_weight, feature_weight: factors of the identity terms (Park & Lee 2019, equation 11).
            A picture in its own style should keep its pixels and its features.

    Raises:
        UserError: a negative weight, or unknown statistics.
    """

    def __init__(
        self,
        content_layers: Mapping[str, float],
        style_layers: Mapping[str, float],
        normalize: bool,
        statistics: str,
        content_weight: float,
        style_weight: float,
        pixel_weight: float = 0.0,
        feature_weight: float = 0.0,
    ) -> None:
        super().__init__()
        if statistics not in STATISTICS:
            raise UserError(
                f"loss.statistics={statistics} is unknown; use {' or '.join(STATISTICS)}"
            )
        self.style_error = STATISTICS[statistics]
        self.content_layers = dict(content_layers)
        self.style_layers = dict(style_layers)
        self.normalize = normalize
        self.weights = {
            "content": content_weight,
            "style": style_weight,
            "identity_pixels": pixel_weight,
            "identity_features": feature_weight,
        }
        every = {**self.weights, **self.content_layers, **self.style_layers}
        negative = [f"{name}={weight}" for name, weight in every.items() if not weight >= 0]
        if negative:
            raise UserError(f"loss weight {negative[0]} must be a number of at least 0")

    @property
    def has_identity(self) -> bool:
        """Whether the identity terms count."""
        return self.weights["identity_pixels"] > 0 or self.weights["identity_features"] > 0

    def forward(self, features: Features, content: Features, style: Features) -> dict[str, Tensor]:
        """The unweighted terms ``content`` and ``style``, each (B,).

        Args:
            features: layer → (B, C, h, w), the features of the result.
            content: layer → (B, C, h, w), the features that the content term asks for.
            style: layer → (B, C, h, w), the features that the style term asks for.
        """
        prepare = normalized if self.normalize else Tensor.float
        return {
            "content": _weighted(
                self.content_layers,
                lambda layer: relative_error(prepare(features[layer]), prepare(content[layer])),
            ),
            "style": _weighted(
                self.style_layers,
                lambda layer: self.style_error(features[layer], style[layer]),
            ),
        }

    def identity(
        self, result: Tensor, image: Tensor, features: Features, wanted: Features
    ) -> dict[str, Tensor]:
        """The unweighted identity terms of a picture in its own style, each (B,).

        Args:
            result, image: (B, 3, H, W). features, wanted: the features of `result` and `image`.
        """
        layers = dict.fromkeys(self.style_layers, 1 / len(self.style_layers))
        return {
            "identity_pixels": relative_error(result, image),
            "identity_features": _weighted(
                layers, lambda layer: relative_error(features[layer], wanted[layer])
            ),
        }

    def total(self, terms: Mapping[str, Tensor]) -> Tensor:
        """The weighted sum of the terms, (B,)."""
        weighted = [self.weights[name] * term for name, term in terms.items()]
        return sum(weighted[1:], start=weighted[0])


def _weighted(layers: Mapping[str, float], error: Callable[[str], Tensor]) -> Tensor:
    errors = [weight * error(layer) for layer, weight in layers.items()]
    return sum(errors[1:], start=errors[0])
