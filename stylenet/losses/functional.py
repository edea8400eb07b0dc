"""Terms of the perceptual loss as pure functions; each keeps the batch axis."""

from __future__ import annotations

from torch import Tensor


def gram_matrix(features: Tensor) -> Tensor:
    """Channel correlations G = F Fᵀ / (C·H·W), in float32 (Johnson et al. 2016, eq. 3).

    The products of half-precision features would overflow or lose the small differences that
    the loss is made of, so they are taken in float32.

    Args:
        features: (B, C, H, W).

    Returns:
        (B, C, C), symmetric, positive semi-definite.
    """
    channels, height, width = features.shape[1:]
    flat = features.float().movedim(1, 3).flatten(1, 2)  # (B, H·W, C): no copy if channels last
    return flat.mT @ flat / (channels * height * width)


def squared_error(value: Tensor, target: Tensor) -> Tensor:
    """Mean squared difference per batch item: (B, …) and (B or 1, …) → (B,)."""
    return (value.float() - target.float()).square().flatten(1).mean(1)


def energy(target: Tensor) -> Tensor:
    """Mean square per batch item, the normaliser of the relative errors: (B, …) → (B,)."""
    return target.float().square().flatten(1).mean(1)


def total_variation(image: Tensor) -> Tensor:
    """Mean absolute difference of neighbours, down plus across (Mahendran & Vedaldi 2015, β = 1).

    Args:
        image: (B, C, H, W) in [0, 1], H and W at least 2.

    Returns:
        (B,), in [0, 2]: 0 for a constant image, 2 for a one-pixel checkerboard of 0 and 1.
    """
    down = (image[..., 1:, :] - image[..., :-1, :]).abs().flatten(1).mean(1)
    across = (image[..., :, 1:] - image[..., :, :-1]).abs().flatten(1).mean(1)
    return down + across
