"""Antialiased resizing of pictures to a given size, shorter side or longer side."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from PIL.Image import Resampling

T = TypeVar("T", bound=np.generic)


def resized(
    values: NDArray[T], size: tuple[int, int], resampling: Resampling = Resampling.LANCZOS
) -> NDArray[T]:
    """Resize uint8 (H, W, 3), uint8 (H, W) or float32 (H, W) to `size`, (height, width)."""
    height, width = size
    return np.asarray(Image.fromarray(values).resize((width, height), resampling))


def resize_shorter_side(
    rgb: NDArray[np.uint8], side: int, resampling: Resampling = Resampling.LANCZOS
) -> NDArray[np.uint8]:
    """Scale uint8 (H, W, 3) up or down to a shorter side of `side` pixels."""
    height, width = rgb.shape[:2]
    scale = side / min(height, width)
    size = max(side, round(height * scale)), max(side, round(width * scale))
    return resized(rgb, size, resampling)


def resize_longer_side(values: NDArray[T], side: int) -> NDArray[T]:
    """Scale `values`, as `resized` takes them, up or down to a longer side of `side` pixels."""
    height, width = values.shape[:2]
    scale = side / max(height, width)
    return resized(values, (max(1, round(height * scale)), max(1, round(width * scale))))


def square(rgb: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Crop the largest centred square of uint8 (H, W, 3), and scale it to (side, side, 3)."""
    return np.asarray(ImageOps.fit(Image.fromarray(rgb), (side, side), Resampling.LANCZOS))


def shrink(rgb: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Scale a training photo, uint8 (H, W, 3), down to a shorter side of `side` pixels.

    A smaller photo stays as it is. The filter is bicubic, because existing photo caches were made
    with it.
    """
    if side >= min(rgb.shape[:2]):
        return rgb
    return resize_shorter_side(rgb, side, Resampling.BICUBIC)
