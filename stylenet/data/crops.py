"""Random crops, a pure function of (photograph, seed, position). No state needs to be saved."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Resampling

from stylenet.pictures.color import LUMA
from stylenet.pictures.images import Bytes
from stylenet.pictures.resizing import resized

_ORDER, _CROP = 0, 1  # two independent random streams from one seed


def photo_at(position: int, count: int, seed: int) -> int:
    """The index of the photograph for sample `position`.

    Every epoch visits each of `count` photographs once, in a new order.
    """
    epoch, place = divmod(position, count)
    return int(_order(epoch, count, seed)[place])


@lru_cache(maxsize=2)
def _order(epoch: int, count: int, seed: int) -> NDArray[np.int64]:
    return _generator(seed, _ORDER, epoch).permutation(count)


def _generator(seed: int, stream: int, position: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(stream, position)))


@dataclass(frozen=True)
class Crop:
    """The plan of a crop: what is cut out of a photograph, and what becomes of its colours.

    Attributes:
        top, left, side: the square on the photograph, in pixels.
        mirrored: whether left and right are exchanged.
        factors: of brightness, contrast and saturation.
    """

    top: int
    left: int
    side: int
    mirrored: bool
    factors: tuple[float, float, float]


@dataclass(frozen=True)
class RandomCrop:
    """A square crop at a random scale and place, with random mirroring and colour jitter.

    The square's side on the photograph is drawn log-uniformly between `size` and the photograph's
    shorter side, so every zoom is equally likely. A photograph smaller than `size` is enlarged.
    Half of the crops are mirrored.

    Attributes:
        size: side of the result in pixels.
        jitter: brightness, contrast and saturation are each multiplied by a factor drawn uniformly
            from [1 - jitter, 1 + jitter]. 0 keeps the colours.
        seed: seed of the random order and of the random crops.
        longest: shorter side in pixels. Larger photographs are cropped as if they were shrunk to
            it, so crops do not depend on the cache's resolution. None crops them as they are.
    """

    size: int
    jitter: float
    seed: int
    longest: int | None = None

    def __call__(self, photo: Bytes, position: int) -> NDArray[np.float32]:
        """The crop of `photo`, uint8 (H, W, 3), for sample `position`.

        Returns float32 RGB in [0, 1], (3, size, size).
        """
        height, width = photo.shape[:2]
        crop = self.plan(height, width, position)
        square = photo[crop.top : crop.top + crop.side, crop.left : crop.left + crop.side]
        square = resized(square, (self.size, self.size), Resampling.HAMMING)
        return _jittered(square[:, ::-1] if crop.mirrored else square, crop.factors)

    def plan(self, height: int, width: int, position: int) -> Crop:
        """The plan of the crop for sample `position`, of a photograph of this size in pixels."""
        random = _generator(self.seed, _CROP, position)
        longest = min(height, width)
        shortest = min(self._least(longest), longest)
        side = round(math.exp(random.uniform(math.log(shortest), math.log(longest))))
        top = int(random.integers(height - side + 1))
        left = int(random.integers(width - side + 1))
        mirrored = random.random() < 0.5
        brightness, contrast, saturation = random.uniform(1 - self.jitter, 1 + self.jitter, 3)
        return Crop(top, left, side, mirrored, (brightness, contrast, saturation))

    def _least(self, shorter: int) -> int:
        """The least side of the square on a photograph of this shorter side, in pixels."""
        if self.longest is None or shorter <= self.longest:
            return self.size
        return round(self.size * shorter / self.longest)


def _jittered(square: Bytes, factors: tuple[float, float, float]) -> NDArray[np.float32]:
    """Bytes (S, S, 3) → float32 (3, S, S) in [0, 1], jittered by one affine map of the colours.

    Saturation mixes each pixel with its grey. Contrast mixes it with the crop's mean grey.
    """
    brightness, contrast, saturation = factors
    pixels = square.reshape(-1, 3).T.astype(np.float32, order="C")  # (3, S * S)
    grey = float(LUMA @ pixels.mean(axis=1))
    mix = saturation * np.eye(3) + (1 - saturation) * LUMA  # (3, 3), rows sum to 1
    matrix = (brightness * contrast / 255 * mix).astype(np.float32)
    offset = np.float32(brightness * (1 - contrast) / 255 * grey)
    colours: NDArray[np.float32] = matrix @ pixels
    colours += offset
    np.clip(colours, 0, 1, out=colours)
    return colours.reshape(3, *square.shape[:2])
