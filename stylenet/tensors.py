"""Bytes ↔ tensors: uint8 (H, W, 3) pictures and float32 (1, 3, H, W) images in [0, 1]."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from stylenet.nets.video import RecurrentNet, around, on_clip
from stylenet.runtime.clips import ClipNet


def to_tensor(rgb: NDArray[np.uint8]) -> Tensor:
    """uint8 (H, W, 3) → float32 (1, 3, H, W) in [0, 1], channels last in memory."""
    return torch.tensor(rgb).permute(2, 0, 1)[None] / 255


def to_bytes(image: Tensor) -> NDArray[np.uint8]:
    """(1, 3, H, W), clamped to [0, 1] and rounded → uint8 (H, W, 3)."""
    scaled = image.detach()[0].float().clamp(0, 1).mul(255).round().byte()
    rgb: NDArray[np.uint8] = scaled.permute(1, 2, 0).contiguous().cpu().numpy()
    return rgb


@torch.inference_mode()
def apply_net(net: nn.Module, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Stylise uint8 (H, W, 3), on the device of `net` → the same."""
    return to_bytes(net(to_tensor(rgb).to(next(net.parameters()).device)))


def clip_net(net: nn.Module) -> ClipNet:
    """Any net at work on clips, on its device."""
    return ClipNet(partial(_frame, net), around(net), isinstance(net, RecurrentNet))


@torch.inference_mode()
def _frame(
    net: nn.Module, window: Sequence[NDArray[np.uint8]], previous: NDArray[np.uint8] | None
) -> NDArray[np.uint8]:
    device = next(net.parameters()).device
    frames = torch.stack([to_tensor(rgb) for rgb in window], 1).to(device)
    before = None if previous is None else to_tensor(previous).to(device)
    return to_bytes(on_clip(net, frames, before))


def resize_shorter_side(rgb: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Resize uint8 (H, W, 3) so that its shorter side is `side` pixels, antialiased."""
    height, width = rgb.shape[:2]
    scale = side / min(height, width)
    size = (max(side, round(width * scale)), max(side, round(height * scale)))
    return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.LANCZOS))
