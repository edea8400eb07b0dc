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
def apply_net(net: nn.Module, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Stylise a photo, uint8 (H, W, 3) → the same, on the device of `net`."""
    return to_bytes(net(to_tensor(rgb).to(next(net.parameters()).device)))


def clip_net(net: nn.Module) -> ClipNet:
    """Any net at work on clips, on its device."""
    seen = traits(net)
    return ClipNet(partial(_frame, net), seen.receptive_radius, seen.recurrent)


@torch.inference_mode()
def _frame(
    net: nn.Module, window: Sequence[NDArray[np.uint8]], previous: NDArray[np.uint8] | None
) -> NDArray[np.uint8]:
    device = next(net.parameters()).device
    frames = torch.stack([to_tensor(rgb) for rgb in window], 1).to(device)
    before = None if previous is None else to_tensor(previous).to(device)
    return to_bytes(on_clip(net, frames, before))
