"""Mean and standard deviation of feature channels."""

from __future__ import annotations

from torch import Tensor

EPS = 1e-5
"""Added to variances: channels that are zero all over a picture are common in relu4_1."""


def mean_std(features: Tensor, eps: float = EPS) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each channel (Huang & Belongie 2017, equations 5 and 6).

    Args:
        features: (B, C, …).
        eps: added to the variance, whose root has an infinite slope at 0.

    Returns:
        Two of (B, C, 1 …), in float32: the mean, and the root of the population variance.
    """
    axes = tuple(range(2, features.ndim))
    mean = features.float().mean(axes, keepdim=True)
    variance = (features.float() - mean).square().mean(axes, keepdim=True)
    return mean, (variance + eps).sqrt()


def normalized(features: Tensor) -> Tensor:
    """(B, C, …) with mean 0 and standard deviation 1 in each channel, in float32."""
    mean, std = mean_std(features)
    return (features.float() - mean) / std
