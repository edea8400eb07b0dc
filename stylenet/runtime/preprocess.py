"""Before the net: a file, a Pillow image or an array becomes sRGB bytes of the size wanted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from stylenet.errors import UserError
from stylenet.images import Bytes, Picture, read_picture, resize, to_picture

MIN_SIDE = 32
"""The least height and width, in pixels, that every contract promises to take."""

Photo = str | Path | Image.Image | Bytes
"""A file, a Pillow image, or uint8 RGB (H, W, 3)."""


def prepare(photo: Photo, size: int | None) -> Picture:
    """Decode `photo`, safely, and fit it into `size` x `size` pixels (None: as it is).

    Raises:
        UserError: it cannot be read, is no picture, or a side is, or becomes, below 32 pixels.
    """
    picture = _picture(photo)
    if size is not None:
        picture = resize(picture, size)
    height, width = picture.size
    if min(height, width) < MIN_SIDE:
        raise UserError(
            f"{name_of(photo)} becomes {width}x{height}; the net needs at least "
            f"{MIN_SIDE}x{MIN_SIDE}, give a larger --size"
        )
    return picture


def name_of(photo: Photo) -> str:
    """How to speak of it."""
    return str(photo) if isinstance(photo, str | Path) else "the photo"


def _picture(photo: Photo) -> Picture:
    if isinstance(photo, str | Path):
        return read_picture(Path(photo), min_side=MIN_SIDE)
    if isinstance(photo, Image.Image):
        return to_picture(photo)
    if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] != 3:
        raise UserError(f"the photo is uint8 RGB (H, W, 3), not {photo.dtype} {photo.shape}")
    return Picture(photo)
