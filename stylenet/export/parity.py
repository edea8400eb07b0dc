"""The proof: an exported model beside the PyTorch net, on the scale of 0-255."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from stylenet.nets.apply import clip_net
from stylenet.pictures.images import Bytes
from stylenet.runtime.model import Model, open_model
from stylenet.runtime.session import Session
from stylenet.runtime.tiles import TiledSession

SHAPES = (
    *((1, 32, 32), (1, 33, 47), (3, 64, 64), (2, 97, 130), (1, 255, 258)),
    (1, 768, 1023),
)
"""Batch, height and width: the least size, odd ones, several batches, a large picture."""

TILE = 256
"""Side of a tile in pixels. The large picture has many tiles."""

TOLERANCE = 1
"""The largest difference allowed in float32, of 255: sums in another order may round to the
neighbouring value."""

LEAST_PSNR = {"fp16": (45.0, 45.0), "int8": (35.0, 30.0)}
"""dB that other precisions must keep, on pictures up to `LARGE` and on larger ones."""

LARGE = 512

_RUNS = 5
_PAUSE = 0.2  # seconds; meanwhile the threads of the previous session stop spinning


@dataclass(frozen=True)
class Difference:
    """How far an exported model is from its net on pictures of one shape.

    largest, mean: of 255. psnr: dB; infinite where nothing differs. name: the picture's or the
    style's, if it has one.
    """

    shape: tuple[int, int, int]
    largest: int
    mean: float
    psnr: float
    name: str = ""

    def tolerated(self, precision: str) -> bool:
        """Whether ``fp32``, ``fp16`` or ``int8`` may differ so much."""
        if precision == "fp32":
            return self.largest <= TOLERANCE
        return self.psnr >= self.least(precision)

    def least(self, precision: str) -> float:
        """The dB that ``fp16`` or ``int8`` must keep on such pictures."""
        small, large = LEAST_PSNR[precision]
        return small if max(self.shape[1:]) <= LARGE else large

    def __str__(self) -> str:
        batch, height, width = self.shape
        size = f"{batch} x {height}x{width}"
        means = f"{self.mean:.4f} on average, {self.psnr:.1f} dB"
        named = f", {self.name}" if self.name else ""
        return f"{size:>14}: at most {self.largest} of 255, {means}{named}"


def compare(
    exported: bytes, net: nn.Module, pictures: Iterable[Bytes] | None = None
) -> list[Difference]:
    """Run both on batches of pictures, uint8 (N, H, W, 3).

    Args:
        exported: an ONNX file's bytes. A model for tiles runs tile by tile.
        pictures: by default drawn pictures of all `SHAPES`.
    """
    batch, ours = _batch(open_model(exported, device="cpu")), clip_net(net)
    found = []
    for rgb in map(drawn, SHAPES) if pictures is None else pictures:
        frames, previous = _moving(rgb, ours.receptive_radius)
        theirs = [ours.run(*each) for each in zip(frames, previous, strict=True)]
        found.append(difference(batch(frames, previous), np.stack(theirs)))
    return found


def difference(results: Bytes, expected: Bytes) -> Difference:
    """How far results are from the expected ones, both uint8 (N, H, W, 3)."""
    off = np.abs(results.astype(float) - expected)
    square = float(np.square(off).mean())
    psnr = 10 * math.log10(255**2 / square) if square else math.inf
    count, height, width, _ = results.shape
    return Difference((count, height, width), int(off.max()), float(off.mean()), psnr)


def times(models: Sequence[bytes], picture: Bytes) -> list[float]:
    """Median milliseconds of each model for a picture, uint8 (H, W, 3); the models take turns."""
    sessions = [Session(model, device="cpu") for model in models]
    taken: list[list[float]] = [[] for _ in models]
    for run in range(_RUNS + 1):
        for session, own in zip(sessions, taken, strict=True):
            time.sleep(_PAUSE)
            start = time.perf_counter()
            session(picture)
            if run:  # the first one warms up
                own.append((time.perf_counter() - start) * 1e3)
    return [statistics.median(own) for own in taken]


def _batch(model: Model) -> Callable[[Bytes, Bytes], Bytes]:
    """Batches of frames with those around, (N, T, H, W, 3), and of the results before."""
    if model.io in ("recurrent", "window"):
        return Session(model).frame
    if model.io != "tiles":
        session = Session(model)
        return lambda frames, _: session.batch(frames[:, 0])
    tiled = TiledSession(model, TILE)
    return lambda frames, _: np.stack([tiled(rgb) for rgb in frames[:, 0]])


def _moving(rgb: Bytes, radius: int) -> tuple[Bytes, Bytes]:
    """Pictures with others before and behind them, for nets that see these, and before them."""
    frames = [np.roll(rgb, 3 * time, axis=2) for time in range(-radius, radius + 1)]
    return np.stack(frames, 1), np.ascontiguousarray(255 - rgb[:, ::-1])


def drawn(shape: tuple[int, int, int]) -> Bytes:
    """Shades, edges and noise: uint8 (N, H, W, 3), the same each time."""
    batch, height, width = shape
    draw = torch.Generator().manual_seed(0)
    total = torch.zeros(batch, 3, height, width)
    for cell in (4, 16, 64):
        grid = torch.rand(batch, 3, height // cell + 1, width // cell + 1, generator=draw)
        total += torch.nn.functional.interpolate(grid, size=(height, width), mode="nearest")
    total += torch.rand(batch, 3, height, width, generator=draw)
    pictures: Bytes = (total / 4 * 255).round().byte().permute(0, 2, 3, 1).contiguous().numpy()
    return pictures
