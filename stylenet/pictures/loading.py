"""Pixels of an image that Pillow has opened, where Pillow alone would get them wrong."""

from __future__ import annotations

import numpy as np
from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.PngImagePlugin import PngImageFile

_WIDE, _LOW = "RGB;16B", "RGB;16L"
"""How Pillow names 16-bit colours as PNG stores them, and colours in the other order of bytes. Of
each it keeps the high byte, so that the other order gives the low one."""

_KEYED_BYTES = 11  # a pixel, measured: both halves of the colour and the opacity made of them

_ROWS = 256


def load(image: Image.Image) -> Image.Image:
    """`image` with its pixels; with opacity in place of a 16-bit colour that stands for "no pixel".

    Raises:
        Exception: of any kind, where the file is damaged.
    """
    if not isinstance(image, ImageFile) or not image.tile:
        image.load()
        return image
    low = _low_bytes(image) if isinstance(image, PngImageFile) else None
    if low is None:
        _scale_transparent_colour(image)
    name, image.filename = image.filename, ""
    image.load()  # with a name, Pillow maps the file, and a turned TIFF with its sides swapped
    image.filename = name
    return image if low is None else _keyed(image, low, image.info.pop("transparency"))


def keyed_bytes(image: Image.Image) -> int:
    """Bytes a pixel that `load` takes for a transparent colour of 16 bits; 0 without one."""
    return _KEYED_BYTES if _is_keyed(image) else 0


def _is_keyed(image: Image.Image) -> bool:
    if not isinstance(image, PngImageFile) or not image.tile:
        return False
    return image.tile[0].args == _WIDE and isinstance(image.info.get("transparency"), tuple)


def _low_bytes(image: PngImageFile) -> Image.Image | None:
    """The low bytes of 16-bit colours, which a transparent colour is compared with, too."""
    if not _is_keyed(image):
        return None
    assert image.fp is not None
    position = image.fp.tell()
    image.fp.seek(0)
    with Image.open(image.fp, formats=["PNG"]) as low:
        assert isinstance(low, PngImageFile)
        low.tile = [tile._replace(args=_LOW) for tile in low.tile]
        low.load()
        image.fp.seek(position)
        return low


def _keyed(image: Image.Image, low: Image.Image, key: tuple[int, int, int]) -> Image.Image:
    """Transparent where all 16 bits of each channel are those of `key` (PNG 3, section 11.3.1)."""
    alpha = np.empty((image.height, image.width), np.uint8)
    for top in range(0, image.height, _ROWS):
        bottom = min(top + _ROWS, image.height)
        halves = [np.asarray(each.crop((0, top, each.width, bottom))) for each in (image, low)]
        values = halves[0].astype(np.uint16) << 8 | halves[1]
        alpha[top:bottom] = np.where((values == key).all(-1), 0, 255)
    image.putalpha(Image.fromarray(alpha))
    return image


def _scale_transparent_colour(image: ImageFile) -> None:
    """Bring a grey value that stands for "no pixel" to 8 bits: in a PNG, Pillow does the others."""
    key = image.info.get("transparency")
    stored = image.tile[0].args
    if isinstance(image, PngImageFile) and key is not None and stored in ("L;2", "L;4"):
        image.info["transparency"] = key * (85 if stored == "L;2" else 17)
