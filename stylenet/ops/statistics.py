"""Mean and standard deviation of feature channels."""

from __future__ import annotations

from torch import Tensor

EPS = 1e-5
"""Added to variances, because relu4_1 often has channels that are zero all over a picture."""


def mean_std(features: Tensor, eps: float = EPS) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each channel (Huang & Belongie 2017, equations 5 and 6).

    Args:
        features: (B, C, …).
        eps: added to the variance, because the square root has an infinite slope at 0.

    Returns:
        Mean and standard deviation, (B, C, 1 …) each, in float32. The standard deviation is the
        root of the population variance plus `eps`.
    """
    axes = tuple(range(2, features.ndim))
    mean = features.float().mean(axes, keepdim=True)
    variance = (features.float() - mean).square().mean(axes, keepdim=True)
    return mean, (variance + eps).sqrt()


def normalized(features: Tensor) -> Tensor:
    """Scale (B, C, …) to mean 0 and standard deviation 1 in each channel, in float32."""
    mean, std = mean_std(features)
    return (features.float() - mean) / std
