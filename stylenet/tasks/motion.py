"""Photos set in motion by known flows, from which a net for clips learns without clips."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from stylenet.losses.temporal import inside, warp
from stylenet.system.errors import UserError

_SMALLEST = 1 / 4
"""The smallest reach in pixels: a camera that hardly moves."""

_BEND = 4
"""Number of cells across a picture. The smooth displacement is drawn once per cell."""


DRAWN = ("flow", "hidden", "noise", "light")
"""The names of what is drawn of a motion, in `Moving`'s order."""


@dataclass(frozen=True)
class Moving:
    """A photo in motion. At time 0 it is in place, and at time t it has moved by t times `flow`.

    photo: (B, 3, H, W) in [0, 1]. flow: (B, 2, H, W), as in `stylenet.losses.temporal`.
    hidden: (B, 1, H, W), 1 where something else comes in front of the photo after time 0.
    noise: (T, B, 3, H, W), added to the frames from `first` on. light: (T, B, 1, 1, 1), by which
    these frames are multiplied.
    """

    photo: Tensor
    flow: Tensor
    hidden: Tensor
    noise: Tensor
    light: Tensor
    first: int
    _frames: dict[int, Tensor] = field(default_factory=dict)

    def frame(self, time: int) -> Tensor:
        """The frame at `time`, (B, 3, H, W) in [0, 1]."""
        if time not in self._frames:
            self._frames[time] = self._filmed(time)
        return self._frames[time]

    def _filmed(self, time: int) -> Tensor:
        photo, hidden = self.photo, self.hidden * (time > 0)
        moved = warp(photo, self.flow * time) if time else photo
        moved = torch.lerp(moved, photo.flip(-1), hidden)
        noise, light = self.noise[time - self.first], self.light[time - self.first]
        return ((moved + noise) * light).clamp(0, 1)

    def window(self, time: int, radius: int) -> Tensor:
        """The frames centred on `time`: (B, 2·radius + 1, 3, H, W)."""
        return torch.stack([self.frame(time + k) for k in range(-radius, radius + 1)], 1)

    def shown(self, time: int) -> Tensor:
        """Where the frame at `time` still shows the photo: (B, 1, H, W), 0 or 1."""
        return inside(self.flow * time) * (1 - self.hidden)


@dataclass(frozen=True)
class Motion:
    """Draws motions of photos: a shift, a zoom, a turn and a smooth bend at once.

    reach: about the largest displacement of a pixel from one frame to the next, as a share of the
        picture's shorter side. The displacement of each photo is drawn log-uniformly, so that slow
        motions are as likely as fast ones.
    noise: standard deviation of each frame's noise, for values in [0, 1].
    brightness: standard deviation of each frame's factor on brightness.
    seed: motions depend on the seed and the number of the photo in the training alone.

    Raises:
        UserError: a number is out of range.
    """

    reach: float
    noise: float
    brightness: float
    seed: int

    def __post_init__(self) -> None:
        if not 0 < self.reach <= 0.5:
            raise UserError(f"task.motion.reach={self.reach} is not in (0, 0.5]; use 0.08")
        for name in ("noise", "brightness"):
            if not 0 <= getattr(self, name) < 1:
                value = getattr(self, name)
                raise UserError(f"task.motion.{name}={value} is not in [0, 1); use 0.03")

    def draw(self, photo: Tensor, first: int, frames: int) -> dict[str, Tensor]:
        """Draw motions: what `Moving` needs, by name, on the device of `photo`.

        Args:
            photo: (B, 3, H, W), whose values do not matter.
            first: the number of the first of these photos in the whole training.
            frames: the number of frames that get noise.
        """
        drawn = [
            self._drawn(each, first + i, frames) for i, each in enumerate(torch.split(photo, 1))
        ]
        flow, hidden, noise, light = zip(*drawn, strict=True)
        parts = torch.cat(flow), torch.cat(hidden), torch.cat(noise, 1), torch.cat(light, 1)
        return dict(zip(DRAWN, parts, strict=True))

    def _drawn(self, photo: Tensor, number: int, frames: int) -> tuple[Tensor, ...]:
        """The motion of one photo, (1, 3, H, W)."""
        draw = np.random.default_rng([self.seed, number])
        flow = self._flow(draw, *photo.shape[2:])
        hidden = _rectangle(draw, *photo.shape[2:])
        device = photo.device  # draws the noise, which is too much to move there
        chance = torch.Generator(device).manual_seed(int(draw.integers(2**63)))
        noise = torch.randn(frames, *photo.shape, generator=chance, device=device)
        light = torch.randn(frames, 1, 1, 1, 1, generator=chance, device=device)
        return flow.to(device), hidden.to(device), self.noise * noise, 1 + self.brightness * light

    def _flow(self, draw: np.random.Generator, height: int, width: int) -> Tensor:
        most = self.reach * min(height, width)
        reach = math.exp(draw.uniform(math.log(min(_SMALLEST, most)), math.log(most)))
        y = torch.linspace(-1, 1, height)[:, None].expand(height, width)
        x = torch.linspace(-1, 1, width).expand(height, width)
        turn, zoom = draw.uniform(-1, 1, 2)
        angle = draw.uniform(0, 2 * math.pi)
        shift = torch.tensor([math.cos(angle), math.sin(angle)])[:, None, None]
        affine = torch.stack([zoom * x - turn * y, turn * x + zoom * y])
        cells = torch.from_numpy(draw.uniform(-1, 1, (1, 2, _BEND, _BEND)).astype(np.float32))
        bend = interpolate(cells, (height, width), mode="bicubic", align_corners=True)
        return (reach * (shift + affine + bend) / 3).float()


def _rectangle(draw: np.random.Generator, height: int, width: int) -> Tensor:
    """A mask, (1, 1, H, W): empty in half of the draws, else a rectangle of up to half a side."""
    mask = torch.zeros(1, 1, height, width)
    down, across = draw.integers(1, [height // 2 + 1, width // 2 + 1])
    top, left = draw.integers(0, [height - down + 1, width - across + 1])
    if draw.random() < 0.5:
        mask[..., top : top + down, left : left + across] = 1
    return mask
