"""Instance norm (Ulyanov et al. 2017), optionally followed by ReLU."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import batch_norm
from torch.nn.functional import instance_norm as torch_instance_norm

from stylenet.ops.cpu import instance_norm as compiled


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
    out = _plain(x, scale, shift, eps)
    return out.relu_() if relu else out


def _plain(x: Tensor, scale: Tensor, shift: Tensor, eps: float) -> Tensor:
    if scale.ndim == 2:
        own_scale, own_shift = (part[:, :, None, None].to(x.dtype) for part in (scale, shift))
        return torch_instance_norm(x, eps=eps) * own_scale + own_shift
    if x.is_cuda or torch.onnx.is_in_onnx_export():
        return torch_instance_norm(x, weight=scale, bias=shift, eps=eps)
    # Batch norm of a single picture gives the same result. It keeps the channels-last layout of the
    # convolutions. Torch's instance norm would copy to another layout and back.
    pictures = [
        batch_norm(picture, None, None, scale, shift, training=True, eps=eps)
        for picture in torch.split(x, 1)
    ]
    return pictures[0] if len(pictures) == 1 else torch.cat(pictures)
