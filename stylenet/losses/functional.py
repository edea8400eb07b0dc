"""Terms of the perceptual loss as pure functions; each keeps the batch axis."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import mse_loss

from stylenet.ops.layout import wants_plain_torch
from stylenet.ops.statistics import mean_std


def channel_statistics(features: Tensor, eps: float = 0.0) -> Tensor:
    """Mean and standard deviation of each channel, in float32 (Huang & Belongie 2017, eq. 5).

    Args:
        features: (B, C, H, W).
        eps: added to the variance, because the root has an infinite slope at 0.

    Returns:
        (B, 2, C): means, then population standard deviations.
    """
    return torch.stack([part.flatten(1) for part in mean_std(features, eps)], 1)


def squared_error(value: Tensor, target: Tensor) -> Tensor:
    """Mean squared difference per batch item, in float32: (B, …) → (B,).

    Args:
        value: (B, …).
        target: (B, …) or (1, …); it gets no gradient.
    """
    if wants_plain_torch(value):
        wanted = target.detach().float().expand(value.shape)
        return _mean(mse_loss(value.float(), wanted, reduction="none"))
    error: Tensor = _SquaredError.apply(value, target)
    return error


class _SquaredError(torch.autograd.Function):
    """Keeps one difference, in the values' own type. Autograd would make and keep several."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, target: Tensor) -> Tensor:
        difference = value - target
        ctx.save_for_backward(difference)
        return energy(difference)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (difference,) = ctx.saved_tensors
        scale = (2 * gradient / difference[0].numel()).to(difference.dtype)
        error: Tensor = difference * scale.view(-1, *(1,) * (difference.ndim - 1))
        return error, None


def energy(target: Tensor) -> Tensor:
    """Mean square per batch item, the normaliser of the relative errors: (B, …) → (B,)."""
    if wants_plain_torch(target):
        norm = torch.linalg.vector_norm(target, dim=_inner_axes(target), dtype=torch.float32)
        squared: Tensor = norm.square() / target[0].numel()
        return squared
    rows = target.movedim(1, -1).flatten(2) if target.ndim > 3 else target  # in the order of memory
    norms = torch.linalg.vector_norm(rows, dim=-1, dtype=torch.float32)
    squares: Tensor = norms.square().reshape(len(target), -1).sum(1)
    return squares / target[0].numel()


def in_range(image: Tensor) -> Tensor:
    """Clamp an image to [0, 1], as a file does. Beyond the range, gradients only lead back into it.

    A loss of the clamped image has no slope beyond the range. Its gradient by the clamped image
    could lead further out, where the loss stays the same. So gradients that lead outwards are set
    to 0, as in a projected gradient step (Bertsekas 1976).

    Args:
        image: any shape.
    """
    clamped: Tensor = _InRange.apply(image)
    return clamped


class _InRange(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, image: Tensor) -> Tensor:
        ctx.save_for_backward(image)
        return image.clamp(0, 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (image,) = ctx.saved_tensors
        further_out = (image < 0) & (gradient > 0) | (image > 1) & (gradient < 0)
        return torch.where(further_out, 0, gradient)


def total_variation(image: Tensor) -> Tensor:
    """Mean absolute difference of neighbours, down plus across (Mahendran & Vedaldi 2015, β = 1).

    Args:
        image: (B, C, H, W) in [0, 1], H and W at least 2.

    Returns:
        (B,), in [0, 2]: 0 for a constant image, 2 for a one-pixel checkerboard of 0 and 1.
    """
    down = _mean((image[..., 1:, :] - image[..., :-1, :]).abs())
    across = _mean((image[..., :, 1:] - image[..., :, :-1]).abs())
    return down + across


def _mean(x: Tensor) -> Tensor:
    """Mean per batch item: (B, …) → (B,)."""
    if wants_plain_torch(x):
        return x.sum(_inner_axes(x), dtype=torch.float32) / x[0].numel()
    return x.flatten(1).mean(1)


def _inner_axes(x: Tensor) -> tuple[int, ...]:
    """All axes but the batch's. Flattening them would copy channels-last features."""
    return tuple(range(1, x.ndim))
