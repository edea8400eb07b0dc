"""The temporal loss: a moving thing keeps its strokes.

A flow is (B, 2, H, W), in pixels: x then y of where each pixel of a frame was in another frame.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import grid_sample


def positions(flow: Tensor) -> Tensor:
    """Where each pixel was: its own place plus the flow, (B, 2, H, W), x then y."""
    height, width = flow.shape[-2:]
    y = torch.arange(height, dtype=flow.dtype, device=flow.device)
    x = torch.arange(width, dtype=flow.dtype, device=flow.device)
    return flow + torch.stack(torch.meshgrid(x, y, indexing="xy"))


def inside(flow: Tensor) -> Tensor:
    """Which pixels were within the other frame: (B, 1, H, W), 0 or 1."""
    height, width = flow.shape[-2:]
    x, y = positions(flow).unbind(1)
    within = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    return within[:, None].to(flow.dtype)


def warp(image: Tensor, flow: Tensor) -> Tensor:
    """Fetch every pixel from its former place, bicubically. The image is mirrored at its border.

    Bilinear interpolation would remove so much detail at half pixels that a net of soft results
    would have the lower error.

    Args:
        image: (B, C, H', W'), the other frame, which may be of another size.
        flow: (B, 2, H, W).

    Returns:
        float32 (B, C, H, W).
    """
    x, y = positions(flow.float()).unbind(1)
    height, width = image.shape[-2:]
    grid = torch.stack([x * 2 / (width - 1) - 1, y * 2 / (height - 1) - 1], -1)  # in [-1, 1]
    with torch.autocast(image.device.type, enabled=False):
        return grid_sample(image.float(), grid, "bicubic", "reflection", align_corners=True)


def temporal_error(frame: Tensor, warped: Tensor, mask: Tensor) -> Tensor:
    """Mean squared difference over the pixels in `mask` (Ruder et al. 2016, eq. 7).

    Args:
        frame: (B, 3, H, W) in [0, 1].
        warped: another frame, brought to this one by `warp`, the same shape.
        mask: (B, 1, H, W), 1 where both frames show the same point; 1 somewhere in each image.

    Returns:
        (B,): 0 where nothing flickers; its root is an RMSE on the scale of 0 to 1.
    """
    square = (frame.float() - warped.float()).square().mean(1, keepdim=True) * mask
    return square.flatten(1).sum(1) / mask.flatten(1).sum(1).clamp(min=1)
