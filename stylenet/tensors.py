"""Bytes ↔ tensors: uint8 (H, W, 3) pictures and float32 (1, 3, H, W) images in [0, 1]."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def to_tensor(rgb: NDArray[np.uint8], device: torch.device | None = None) -> Tensor:
    """uint8 (H, W, 3) → float32 (1, 3, H, W) in [0, 1], channels last in memory.

    The bytes are moved to the device: the floats would be four times as many.
    """
    return torch.tensor(rgb, device=device).permute(2, 0, 1)[None] / 255


def to_bytes(image: Tensor) -> NDArray[np.uint8]:
    """(1, 3, H, W), clamped to [0, 1] and rounded → uint8 (H, W, 3)."""
    scaled = image.detach()[0].float().clamp(0, 1).mul(255).round().byte()
    rgb: NDArray[np.uint8] = scaled.permute(1, 2, 0).contiguous().cpu().numpy()
    return rgb
