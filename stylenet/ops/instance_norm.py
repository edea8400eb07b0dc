"""Instance norm (Ulyanov et al. 2017), optionally followed by ReLU."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import batch_norm
from torch.nn.functional import instance_norm as torch_instance_norm

from stylenet.ops.cpu import instance_norm as compiled
from stylenet.ops.layout import wants_plain_torch


def instance_norm(
    x: Tensor, scale: Tensor, shift: Tensor, eps: float, relu: bool = False
) -> Tensor:
    """(x - mean) / sqrt(variance + eps) · scale + shift, per channel over each picture's pixels.

    Args:
        x: (B, C, H, W).
        scale, shift: (C,) for all pictures, or (B, C) for each picture.
        eps: added to the population variance.
        relu: set negative results to 0.

    Returns:
        (B, C, H, W).
    """
    if compiled.suits(x):
        return compiled.instance_norm(x, scale, shift, eps, relu)
    if wants_plain_torch(x):
        out = _channels_last(x, scale, shift, eps)
    else:
        out = _torchs(x, scale, shift, eps)
    return out.relu_() if relu else out


def _torchs(x: Tensor, scale: Tensor, shift: Tensor, eps: float) -> Tensor:
    if torch.onnx.is_in_onnx_export():
        if scale.ndim == 1:
            return torch_instance_norm(x, weight=scale, bias=shift, eps=eps)
        own_scale, own_shift = (part[:, :, None, None].to(x.dtype) for part in (scale, shift))
        return torch_instance_norm(x, eps=eps) * own_scale + own_shift
    # Batch norm of a single picture gives the same result. It keeps the channels-last layout of the
    # convolutions. Torch's instance norm would copy to another layout and back, and its gradient is
    # wrong for a single picture with a channels-last gradient (torch 2.14).
    scales, shifts = (part.expand(len(x), -1) for part in (scale, shift))
    pictures = [
        batch_norm(picture, None, None, own_scale, own_shift, training=True, eps=eps)
        for picture, own_scale, own_shift in zip(torch.split(x, 1), scales, shifts, strict=True)
    ]
    return pictures[0] if len(pictures) == 1 else torch.cat(pictures)


def _channels_last(x: Tensor, scale: Tensor, shift: Tensor, eps: float) -> Tensor:
    own = (-1, x.shape[1], 1, 1)
    out: Tensor = _InstanceNorm.apply(x, scale.view(own), shift.view(own), eps)
    return out


class _InstanceNorm(torch.autograd.Function):
    """Statistics are in float32. The features are kept for the gradient in their own type.

    Autograd would keep two copies in float32, pass over the features twice as often, and copy the
    gradient of the mean to another layout.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, shift: Tensor, eps: float) -> Tensor:
        wide = x.float()
        variance, mean = torch.var_mean(wide, (2, 3), correction=0, keepdim=True)  # (B, C, 1, 1)
        rate = torch.rsqrt(variance + eps)
        gain = scale * rate
        ctx.save_for_backward(x, mean, rate, gain)
        ctx.shared = scale.shape
        # Features are centred before they are scaled. Otherwise large means would cancel badly.
        return torch.addcmul(shift, wide - mean, gain).to(x.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, mean, rate, gain = ctx.saved_tensors
        centred = x - mean
        to_shift = gradient.sum((2, 3), keepdim=True, dtype=torch.float32)  # (B, C, 1, 1)
        to_scale = (gradient * centred).sum((2, 3), keepdim=True) * rate
        # The gradient less its parts along the mean and the deviation, in two passes.
        share = gain * (-1 / (x.shape[2] * x.shape[3]))
        taken = torch.addcmul(share * to_shift, centred, share * to_scale * rate)
        to_x = torch.addcmul(taken, gradient, gain).to(x.dtype)
        return to_x, to_scale.sum_to_size(ctx.shared), to_shift.sum_to_size(ctx.shared), None
