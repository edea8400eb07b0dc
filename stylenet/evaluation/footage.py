"""A real clip: its flow is estimated, and used where both directions agree."""

from __future__ import annotations

from functools import lru_cache, partial
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from skimage.registration import optical_flow_tvl1
from torch import Tensor
from torch.nn.functional import interpolate

from stylenet.evaluation.camera import GAPS, SIDE, Clip
from stylenet.losses.temporal import inside, warp
from stylenet.pictures.color import luma, to_floats
from stylenet.pictures.images import Bytes
from stylenet.pictures.resizing import resize_shorter_side
from stylenet.runtime.frames import clip_frames
from stylenet.system.errors import UserError

FRAMES = 48
"""Frames read, from the clip's start."""

PAIRS = 8
"""Pairs compared at each gap. They are few, because estimating flow is slow."""

_COARSE = 128
"""Shorter side in pixels at which flow is estimated."""

_LEAST = 0.5
"""Least share of pixels with a flow. Pairs below it, such as at a cut, are left out."""


def footage(file: Path) -> Clip:
    """The first frames of a clip, at a shorter side of `SIDE`.

    Raises:
        UserError: the file is no clip, or the clip is too short.
    """
    frames = [resize_shorter_side(rgb, SIDE) for rgb in islice(clip_frames(file), FRAMES)]
    if len(frames) < max(GAPS) + 2:
        raise UserError(f"{file} has {len(frames)} frames; give a clip of {max(GAPS) + 2} or more")
    pairs = {}
    for gap in GAPS:
        later = np.linspace(gap, len(frames) - 1, PAIRS).round().astype(int)
        pairs[gap] = [(int(time), int(time) - gap) for time in dict.fromkeys(later)]
    flow = lru_cache(partial(_flow, [_coarse(rgb) for rgb in frames], frames[0].shape[:2]))
    return Clip(file.name, frames, pairs, flow)


def consistent(forward: Tensor, backward: Tensor) -> Tensor:
    """Where a flow forward and back ends near its start (Sundaram et al. 2010, equation 5).

    Args:
        forward, backward: (B, 2, H, W) between two frames.

    Returns:
        (B, 1, H, W), 0 or 1, for the pixels of the frame in which `forward` starts.
    """
    back = warp(backward, forward)
    off = (forward + back).square().sum(1, keepdim=True)
    length = forward.square().sum(1, keepdim=True) + back.square().sum(1, keepdim=True)
    return inside(forward) * (off < 0.01 * length + 0.5)


def _flow(
    frames: list[NDArray[np.float32]], size: tuple[int, int], later: int, earlier: int
) -> tuple[Tensor, Tensor] | None:
    there = _estimated(frames[later], frames[earlier])
    mask = consistent(there, _estimated(frames[earlier], frames[later]))
    if mask.mean() < _LEAST:
        return None
    scale = torch.tensor([size[1] / there.shape[3], size[0] / there.shape[2]]).view(1, 2, 1, 1)
    flow = interpolate(there, size, mode="bilinear", align_corners=False) * scale
    return flow, interpolate(mask, size) * inside(flow)


def _estimated(frame: NDArray[np.float32], other: NDArray[np.float32]) -> Tensor:
    """Where each pixel of `frame` (H, W) was in `other`: (1, 2, H, W)."""
    down, across = optical_flow_tvl1(frame, other, dtype=np.float32)
    return torch.from_numpy(np.stack([across, down])[None]).float()


def _coarse(rgb: Bytes) -> NDArray[np.float32]:
    return luma(to_floats(resize_shorter_side(rgb, _COARSE)))
