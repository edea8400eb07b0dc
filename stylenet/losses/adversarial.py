"""Losses between two collections: the adversarial errors, and the error of a cycle."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from stylenet.system.errors import UserError

REAL, MADE = 1.0, 0.0


def least_squares(scores: Tensor, wanted: float) -> Tensor:
    """Mean squared distance of scores from `REAL` or `MADE` (Mao et al. 2017, eq. 2).

    Args:
        scores: a discriminator's scores of patches, (B, 1, h, w).

    Returns:
        (B,).
    """
    return (scores.float() - wanted).square().flatten(1).mean(1)


def discriminator_error(real: Tensor, made: Tensor) -> Tensor:
    """The mean of the errors on real and on made pictures (Zhu et al. 2017, section 7.1).

    Args:
        real, made: scores (B, 1, h, w).

    Returns:
        (B,): 0 for a discriminator that is always right, 1/4 for one that always says 1/2.
    """
    return (least_squares(real, REAL) + least_squares(made, MADE)) / 2


def absolute_error(image: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference on the scale [-1, 1], which the weights of Zhu et al. 2017 are for.

    Args:
        image, target: (B, 3, H, W) in [0, 1].

    Returns:
        (B,), from 0 to 2.
    """
    return 2 * (image.float() - target.float()).abs().flatten(1).mean(1)


class CycleLoss:
    """The weights of the generators' terms (Zhu et al. 2017, eq. 3 and section 5.2).

    Args:
        cycle_weight: λ, the weight of the cycle term.
        identity: weight of the identity term, as a factor of λ. The term measures how a generator
            changes a picture that already is of the kind it makes.

    Raises:
        UserError: a negative weight.
    """

    def __init__(self, cycle_weight: float = 10.0, identity: float = 0.5) -> None:
        for name, value in (("cycle_weight", cycle_weight), ("identity", identity)):
            if value < 0:
                raise UserError(f"loss.{name}={value} is negative; give 0 or more")
        self.weights = {
            **{"forth": 1.0, "back": 1.0},
            **{"cycle": cycle_weight, "identity": identity * cycle_weight},
        }

    def total(self, terms: Mapping[str, Tensor]) -> Tensor:
        """The weighted sum of `terms`, by name, each (B,)."""
        return torch.stack([self.weights[name] * term for name, term in terms.items()]).sum(0)
