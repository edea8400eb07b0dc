"""Clips whose flow is known exactly: a camera pans, zooms and turns over a photo."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from stylenet.evaluation.inputs import Input
from stylenet.losses.temporal import inside, positions, warp
from stylenet.pictures.images import Bytes
from stylenet.pictures.resizing import resize_shorter_side
from stylenet.tensors import to_bytes, to_tensor

SIDE = 256
"""Side of the square frames, in pixels."""

FRAMES = 16

GAPS = (1, 10)
"""Distances, in frames, of the frames compared: 1 shows flicker, 10 shows drift."""

_PHOTO = 384
"""The photo's shorter side, in pixels: large enough that the camera never leaves the photo."""

Flow = Callable[[int, int], tuple[Tensor, Tensor] | None]
"""(later, earlier) → the flow from the later frame to the earlier, (1, 2, H, W) as in
`stylenet.losses.temporal`, and the mask of where the flow holds, (1, 1, H, W). None if nowhere."""


@dataclass(frozen=True)
class Clip:
    """A clip to judge on.

    name: as reports show it. frames: uint8 (H, W, 3) each. pairs: gap → the later and earlier
    frames to compare. flow: the flow between two frames.
    """

    name: str
    frames: Sequence[Bytes]
    pairs: dict[int, list[tuple[int, int]]]
    flow: Flow


@dataclass(frozen=True)
class Camera:
    """A camera's movement from one frame to the next.

    pan: pixels of the photo, across and down. zoom: factor on the size of its view. turn: degrees.
    """

    pan: tuple[float, float] = (0.0, 0.0)
    zoom: float = 1.0
    turn: float = 0.0

    def pose(self, time: int) -> tuple[Tensor, Tensor]:
        """Matrix (2, 2) and shift (2, 1), frame at `time` → photo, both from their centres."""
        since = time - (FRAMES - 1) / 2  # halfway, the camera is over the photo's middle
        angle, scale = math.radians(self.turn * since), self.zoom**since
        cos, sin = scale * math.cos(angle), scale * math.sin(angle)
        matrix = torch.tensor([[cos, -sin], [sin, cos]], dtype=torch.double)
        return matrix, torch.tensor(self.pan, dtype=torch.double)[:, None] * since

    def flow(self, later: int, earlier: int) -> tuple[Tensor, Tensor]:
        """The exact flow and its mask, as in `Flow`: both frames show the same photo."""
        (matrix, shift), (before, offset) = self.pose(later), self.pose(earlier)
        back = torch.linalg.inv(before)
        x = _places()
        flow = _field(back @ (matrix @ x + shift - offset) - x)
        return flow, inside(flow)

    def film(self, photo: Tensor, time: int) -> Bytes:
        """The frame at `time`: the camera's view of `photo`, (1, 3, H, W)."""
        matrix, shift = self.pose(time)
        x = _places()
        corner = torch.tensor([photo.shape[-1] - SIDE, photo.shape[-2] - SIDE])[:, None] / 2
        return to_bytes(warp(photo, _field(matrix @ x + shift - x + corner)))


CAMERAS = {
    "pan": Camera(pan=(2.3, 1.1)),
    "zoom": Camera(zoom=0.99),
    "turn": Camera(turn=0.5),
}
"""No camera moves by whole pixels. A net's pixel grid could otherwise happen to move along."""


def film(photo: Input, name: str) -> Clip:
    """A photo under the camera of that name.

    Raises:
        UserError: the photo cannot be read.
    """
    camera = CAMERAS[name]
    image = to_tensor(resize_shorter_side(photo.read(), _PHOTO))
    frames = [camera.film(image, time) for time in range(FRAMES)]
    pairs = {gap: [(time, time - gap) for time in range(gap, FRAMES)] for gap in GAPS}
    return Clip(f"{photo.name} {name}", frames, pairs, camera.flow)


def noisy(frames: Sequence[Bytes], deviation: float) -> list[Bytes]:
    """The frames with Gaussian noise, drawn anew for each; `deviation` is in grey levels."""
    draw = np.random.default_rng(0)
    grains = [draw.standard_normal(rgb.shape, np.float32) for rgb in frames]
    return [
        np.clip(np.round(rgb + np.float32(deviation) * grain), 0, 255).astype(np.uint8)
        for rgb, grain in zip(frames, grains, strict=True)
    ]


def _places() -> Tensor:
    """Every pixel's place from the frame's centre, (2, SIDE²), x then y."""
    places = positions(torch.zeros(1, 2, SIDE, SIDE, dtype=torch.double))
    return places.flatten(2)[0] - (SIDE - 1) / 2


def _field(vectors: Tensor) -> Tensor:
    return vectors.view(1, 2, SIDE, SIDE).float()
