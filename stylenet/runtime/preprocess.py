"""Before the net: a file, a Pillow image or an array becomes sRGB bytes of the requested size."""

from __future__ import annotations

import io
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image

from stylenet.pictures.images import Bytes, Picture, read_picture, resize, to_picture
from stylenet.pictures.sides import MIN_SIDE
from stylenet.system.errors import UserError, reason

Photo = str | Path | bytes | bytearray | memoryview | IO[bytes] | Image.Image | Bytes | Picture
"""A photo: the path of a file, its bytes or the open file; a Pillow image; uint8 RGB (H, W, 3); or
a picture that is decoded already."""


def prepare(photo: Photo, size: int | None) -> Picture:
    """Decode `photo`, safely and upright, and scale its longer side to `size` pixels.

    Args:
        size: None keeps the size of the photo.

    Raises:
        UserError: the photo cannot be read or is no picture, or a side is, or becomes, below 32
            pixels.
    """
    picture = _picture(photo)
    if size is not None and size != max(picture.size):
        picture = resize(picture, size)
    height, width = picture.size
    if min(height, width) < MIN_SIDE:
        raise UserError(
            f"{name_of(photo)} becomes {width}x{height}; the net needs at least "
            f"{MIN_SIDE}x{MIN_SIDE}, give a larger --size"
        )
    return picture


def check_range(
    name: str, value: object, least: float, most: float, *, whole: bool = False
) -> None:
    """Hold a number that a program gives against its range.

    Raises:
        UserError: it is no number, or no whole one, or beyond the range.
    """
    kinds = (int, np.integer) if whole else (int, float, np.integer, np.floating)
    if not isinstance(value, kinds) or not least <= float(value) <= most:
        kind = "no whole number" if whole else "no number"
        raise UserError(f"{name}={value!r} is {kind} between {least:g} and {most:g}")


def name_of(photo: Photo) -> str:
    """The name of the photo in messages."""
    if isinstance(photo, str | Path):
        return str(photo)
    name = getattr(photo, "name", None) or getattr(photo, "filename", None)
    return name if isinstance(name, str) and name else "the photo"


def _picture(photo: Photo) -> Picture:
    if isinstance(photo, Picture):
        return photo
    if isinstance(photo, str | Path):
        return read_picture(Path(photo), min_side=MIN_SIDE)
    if isinstance(photo, Image.Image):
        return to_picture(photo, name_of(photo))
    if isinstance(photo, np.ndarray):
        return Picture(_checked(photo))
    if isinstance(photo, bytes | bytearray | memoryview):
        return read_picture(_named(_contiguous(photo), "the photo"), min_side=MIN_SIDE)
    if hasattr(photo, "read"):
        return read_picture(_read(photo), min_side=MIN_SIDE)
    raise UserError(f"{type(photo).__name__} is no photo; give a path, a Pillow image or an array")


def _contiguous(content: bytes | bytearray | memoryview) -> bytes:
    """The bytes that a view shows. A view may skip bytes."""
    try:
        return bytes(content)
    except ValueError as error:  # the view was released
        raise UserError(f"cannot read the photo ({error}); give its bytes") from None


def _checked(rgb: Bytes) -> Bytes:
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or not rgb.size:
        raise UserError(f"the photo must be uint8 RGB (H, W, 3), not {rgb.dtype} {rgb.shape}")
    return rgb


def _read(file: IO[bytes]) -> IO[bytes]:
    """Read all of an open file, from its start if the file can seek. Keeps its name."""
    name = name_of(file)
    try:
        if hasattr(file, "seekable") and file.seekable():
            file.seek(0)
        content: Any = file.read()
    except (OSError, ValueError) as error:  # the file is closed, or not open for reading
        told = reason(error) if isinstance(error, OSError) else error
        raise UserError(f"cannot read {name} ({told}); open it for reading") from None
    if not isinstance(content, bytes):
        raise UserError(f"{name} is open as text; open it in binary mode")
    return _named(content, name)


def _named(content: bytes, name: str) -> IO[bytes]:
    file = io.BytesIO(content)
    file.name = name  # the name in messages
    return file
