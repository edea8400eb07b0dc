"""The perceptual loss: content, Gram style and total variation, per image and unweighted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from stylenet.losses.functional import energy, squared_error, total_variation
from stylenet.ops.gram import gram_matrix
from stylenet.system.errors import UserError

Features = Mapping[str, Tensor]


class PerceptualLoss(nn.Module):
    """Content + style + total variation (Gatys et al. 2016; Johnson et al. 2016).

    With ``relative=False`` a layer's error is the plain mean square: of feature differences for
    content, of Gram differences (`gram_matrix`'s normaliser) for style. Such style errors differed
    3000-fold between layers and 30-fold between style pictures in a measurement.

    With ``relative=True`` each error is divided by the target's own mean square. Then 1 means "as
    far off as a blank", a layer's share is its weight, and one style weight means the same for
    every picture. `vigour` makes pictures of strong features count for more.

    Args:
        content_layers: VGG layer → weight within the content term.
        style_layers: VGG layer → weight within the style term.
        content_weight, style_weight, tv_weight: factors of the three terms in the total.
        relative: divide each layer's error by its target's energy.
        strength: the wanted style reduction, from 0 to 1. It replaces `style_weight` by a weight
            measured for each style (`stylenet.pixels.strength`), without `vigour`. None takes
            `style_weight`.
        vigour: from 0 to 1, the power of a style picture's vigour that multiplies `style_weight`
            (`stylenet.pixels.vigour`). 0 takes `style_weight` as it is.

    Raises:
        UserError: a negative weight, a strength or vigour beyond [0, 1], a strength without a
            content weight, or no style layer.
    """

    def __init__(
        self,
        content_layers: Mapping[str, float],
        style_layers: Mapping[str, float],
        content_weight: float,
        style_weight: float,
        tv_weight: float,
        relative: bool,
        strength: float | None = None,
        vigour: float = 0.0,
    ) -> None:
        super().__init__()
        if strength is not None and not 0 <= strength <= 1:
            raise UserError(f"loss.strength={strength} is not between 0 and 1")
        if not 0 <= vigour <= 1:
            raise UserError(f"loss.vigour={vigour} is not between 0 and 1")
        if strength is not None and not content_weight > 0:
            raise UserError("loss.strength needs a content term; give loss.content_weight above 0")
        self.strength = strength
        self.vigour = vigour if strength is None else 0.0
        self.style_weight = style_weight
        self.content_layers = dict(content_layers)
        self.style_layers = dict(style_layers)
        self.weights: dict[str, float] = {
            "content": content_weight,
            "style": style_weight,
            "tv": tv_weight,
        }
        self.relative = relative
        every = {**self.weights, **self.content_layers, **self.style_layers}
        negative = [f"{name}={weight}" for name, weight in every.items() if not weight >= 0]
        if negative:
            raise UserError(f"loss weight {negative[0]} must be a number of at least 0")
        if not self.style_layers or not self.content_layers:
            raise UserError("loss needs at least one content layer and one style layer")

    @property
    def layers(self) -> list[str]:
        """The VGG layers that `forward` reads, without repeats."""
        return list(dict.fromkeys([*self.content_layers, *self.style_layers]))

    def set_style(self, *pictures: Features, shares: Sequence[float] = (1.0,)) -> None:
        """Take the Gram matrices of a style picture's features, (1, C, h, w) each, as targets.

        Several pictures make one target: the mean of their Gram matrices, weighted by `shares`. The
        plain squared error against this mean has the same gradient as the weighted mean of the
        errors against each picture.
        """
        total = sum(shares)
        grams = {}
        for layer in self.style_layers:
            weighted = [
                gram_matrix(features[layer]) * (share / total)
                for features, share in zip(pictures, shares, strict=True)
            ]
            grams[layer] = sum(weighted[1:], start=weighted[0])
        self.set_targets(grams)

    def set_targets(self, grams: Mapping[str, Tensor]) -> None:
        """Take Gram matrices by style layer: (1, C, C), or (B, C, C), one for each image."""
        for layer in self.style_layers:
            self.register_buffer(f"gram_{layer}", grams[layer], persistent=False)

    def style_targets(self) -> dict[str, Tensor]:
        """The Gram matrices that are set, by style layer: (1, C, C) or (B, C, C)."""
        return {layer: self.get_buffer(f"gram_{layer}") for layer in self.style_layers}

    def forward(
        self,
        image: Tensor,
        features: Features,
        content: Features,
        grams: Mapping[str, Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """The unweighted terms of each image.

        Args:
            image: stylised, (B, 3, H, W) in [0, 1].
            features: its VGG features at `layers`.
            content: the photo's VGG features at `content_layers`.
            grams: Gram matrices by style layer, as in `set_targets`; by default those that are set.

        Returns:
            ``content``, ``style`` and ``tv``, each (B,).
        """
        return {
            "content": self._content(features, content),
            "style": self._style(features, grams),
            "tv": total_variation(image if self.weights["tv"] else image.detach()),
        }

    def total(self, terms: Mapping[str, Tensor], style_weight: Tensor | None = None) -> Tensor:
        """The weighted sum of the terms, (B,).

        Args:
            style_weight: (B,), a style weight for each image; by default the weight that is set.
        """
        weights = self.weights if style_weight is None else self.weights | {"style": style_weight}
        weighted = [weights[name] * term for name, term in terms.items()]
        return sum(weighted[1:], start=weighted[0])

    def _content(self, features: Features, content: Features) -> Tensor:
        errors = [
            weight * self._error(features[layer], content[layer].detach())
            for layer, weight in self.content_layers.items()
        ]
        return sum(errors[1:], start=errors[0])

    def style_errors(
        self, features: Features, grams: Mapping[str, Tensor] | None = None
    ) -> dict[str, Tensor]:
        """The error of each style layer, unweighted, (B,) each.

        Args:
            features: VGG features of the stylised image at `style_layers`.
            grams: as in `forward`.
        """
        return {
            layer: self._error(gram_matrix(features[layer]), target)
            for layer, target in (grams or self.style_targets()).items()
        }

    def _style(self, features: Features, grams: Mapping[str, Tensor] | None) -> Tensor:
        found = self.style_errors(features, grams)
        errors = [weight * found[layer] for layer, weight in self.style_layers.items()]
        return sum(errors[1:], start=errors[0])

    def _error(self, value: Tensor, target: Tensor) -> Tensor:
        error = squared_error(value, target)
        return error / energy(target) if self.relative else error
