"""The proof: an exported model beside the PyTorch net, on the scale of 0-255."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from stylenet.checkpoint import TrainedModel
from stylenet.images import Bytes
from stylenet.runtime.model import Model, open_model
from stylenet.runtime.session import Session
from stylenet.runtime.tiles import TiledSession
from stylenet.tensors import apply_net

SHAPES = (
    *((1, 32, 32), (1, 33, 47), (3, 64, 64), (2, 97, 130), (1, 255, 258)),
    (1, 768, 1023),
)
"""Batch, height and width: the least size, odd ones, several batches, a large picture."""

TILE = 256
"""Pixels of a tile's side: the large picture is many."""

TOLERANCE = 1
"""Float32 sums taken in another order may round to the neighbouring of the 256 values."""


@dataclass(frozen=True)
class Difference:
    """How far an exported model is from its net on pictures of one shape."""

    shape: tuple[int, int, int]
    largest: int
    mean: float

    @property
    def tolerated(self) -> bool:
        """Whether no value is off by more than the tolerance."""
        return self.largest <= TOLERANCE

    def __str__(self) -> str:
        batch, height, width = self.shape
        size = f"{batch} x {height}x{width}"
        return f"{size:>14}: at most {self.largest} of 255, {self.mean:.4f} on average"


def compare(exported: bytes, model: TrainedModel) -> list[Difference]:
    """Run both on pictures of every one of `SHAPES`; a model for tiles, on several tiles."""
    batch = _batch(open_model(exported, device="cpu"))
    found = []
    for shape in SHAPES:
        pictures = _pictures(shape)
        theirs = np.stack([apply_net(model.net, rgb) for rgb in pictures])
        off = np.abs(batch(pictures).astype(int) - theirs)
        found.append(Difference(shape, int(off.max()), float(off.mean())))
    return found


def _batch(model: Model) -> Callable[[Bytes], Bytes]:
    if model.io != "tiles":
        return Session(model).batch
    tiled = TiledSession(model, TILE)
    return lambda pictures: np.stack([tiled(rgb) for rgb in pictures])


def _pictures(shape: tuple[int, int, int]) -> Bytes:
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
