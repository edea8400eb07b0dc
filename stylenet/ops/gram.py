"""Gram matrices, the correlations of feature channels."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from stylenet.ops.cpu import gram as compiled

HALVES = (torch.bfloat16, torch.float16)
"""Types whose products a GPU adds up in float32 at once. Torch knows no gradient of this sum."""


def gram_matrix(features: Tensor) -> Tensor:
    """Channel correlations G = F Fᵀ / (C·H·W), in float32 (Johnson et al. 2016, eq. 3).

    Products are in float32. In half precision they would overflow, or lose the small differences
    that make up the loss. The gradient of bfloat16 features is in bfloat16.

    Args:
        features: (B, C, H, W).

    Returns:
        (B, C, C), symmetric, positive semi-definite.
    """
    gram: Tensor = _Gram.apply(features)
    return gram


class _Gram(torch.autograd.Function):
    """F Fᵀ, with the gradient (dG + dGᵀ) F. This gradient is one product; autograd takes two."""

    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:
        ctx.save_for_backward(features)
        with torch.autocast(features.device.type, enabled=False):
            gram = _products(_pixels(features))
        return gram / features[0].numel()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (features,) = ctx.saved_tensors
        both = (gradient + gradient.mT) / features[0].numel()
        batch, channels, height, width = features.shape
        dtype = torch.bfloat16 if features.dtype == torch.bfloat16 else torch.float32
        pixels: Tensor = (_pixels(features).to(dtype) @ both.to(dtype)).to(features.dtype)
        return pixels.view(batch, height, width, channels).movedim(3, 1)


def _products(pixels: Tensor) -> Tensor:
    """Sums over the pixels of the products of channels: (B, P, C) → (B, C, C), float32."""
    if compiled.suits(pixels):
        return compiled.gram(pixels)
    if pixels.is_cuda and pixels.dtype in HALVES:
        return torch.bmm(pixels.mT, pixels, out_dtype=torch.float32)
    return pixels.float().mT @ pixels.float()


def _pixels(features: Tensor) -> Tensor:
    """(B, C, H, W) → (B, H·W, C), without a copy if the layout is channels-last."""
    return features.movedim(1, 3).flatten(1, 2)
