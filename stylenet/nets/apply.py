"""Nets at work on bytes: a photo, uint8 (H, W, 3), or the frames of a clip."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from stylenet.nets.traits import traits
from stylenet.nets.video import on_clip
from stylenet.runtime.clips import ClipNet
from stylenet.tensors import to_bytes, to_tensor


@torch.inference_mode()
def apply_net(net: nn.Module, rgb: NDArray[np.uint8], half: bool = False) -> NDArray[np.uint8]:
    """Stylise a photo, uint8 (H, W, 3) → the same, on the device of `net`.

    Args:
        half: compute convolutions in float16, for GPUs. Statistics of norms stay in float32.
    """
    device = next(net.parameters()).device
    with torch.autocast(device.type, torch.float16, enabled=half):
        return to_bytes(net(to_tensor(rgb, device)))


def clip_net(net: nn.Module, half: bool = False) -> ClipNet:
    """Any net at work on clips, on its device; `half` as in `apply_net`."""
    seen = traits(net)
    return ClipNet(partial(_frame, net, half), seen.receptive_radius, seen.recurrent)


@torch.inference_mode()
def _frame(
    net: nn.Module,
    half: bool,
    window: Sequence[NDArray[np.uint8]],
    previous: NDArray[np.uint8] | None,
) -> NDArray[np.uint8]:
    device = next(net.parameters()).device
    frames = torch.stack([to_tensor(rgb, device) for rgb in window], 1)
    before = None if previous is None else to_tensor(previous, device)
    with torch.autocast(device.type, torch.float16, enabled=half):
        return to_bytes(on_clip(net, frames, before))
