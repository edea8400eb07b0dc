"""Pixels that Pillow alone would get wrong: mapped TIFFs, transparent colours of 16 bits."""

import io
import struct

import numpy as np
import pytest
from drawn_png import chunk, png
from PIL import Image

from stylenet.pictures.grey import read_grey
from stylenet.pictures.images import read_picture, to_picture, upright

ORIENTATION = 274


def drawn(mode: str) -> Image.Image:
    """48x66 pixels of a mode, no two rows or columns of them alike."""
    grey = np.arange(48 * 66, dtype=np.uint16).reshape(48, 66)
    if mode == "I;16":
        return Image.fromarray(grey * 20)
    image = Image.fromarray((grey % 251).astype(np.uint8))
    if mode == "RGBA":
        image = image.convert("RGB")
        image.putalpha(200)
    return image.convert(mode)


@pytest.mark.parametrize("lies", range(1, 9))
@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA", "CMYK", "I;16"])
@pytest.mark.parametrize("compression", [None, "tiff_deflate"])
def test_a_tiff_is_turned_in_every_mode(tmp_path, mode, lies, compression):
    exif, path = Image.Exif(), tmp_path / "turned.tif"
    exif[ORIENTATION] = lies
    drawn(mode).save(path, exif=exif, compression=compression)
    as_drawn = to_picture(drawn(mode))
    for found in (read_picture(path), to_picture(Image.open(path))):
        np.testing.assert_array_equal(found.rgb, upright(as_drawn.rgb, lies))
        if as_drawn.alpha is not None:
            np.testing.assert_array_equal(found.alpha, upright(as_drawn.alpha, lies))
    if mode == "I;16":
        np.testing.assert_array_equal(read_grey(path), upright(np.asarray(drawn(mode)), lies))


KEY = (0x1234, 0x5678, 0x9ABC)


def keyed() -> tuple[io.BytesIO, np.ndarray]:
    """A PNG of 16-bit colours, one of which stands for "no pixel", and its opacity."""
    values = np.empty((32, 40, 3), ">u2")
    values[:] = KEY
    values[:, :10, 0] += 1  # the high bytes are those of the key
    values[:, 10:20, 2] -= 1
    values[:16, 20:30] = 0xFFFF, 0, 0x8000
    transparent = chunk(b"tRNS", struct.pack(">3H", *KEY))
    content = png(40, 32, 16, 2, [row.tobytes() for row in values], transparent)
    return content, np.where((values == KEY).all(-1), 0, 255)


def test_a_transparent_colour_is_compared_in_all_16_bits(tmp_path):
    content, opacity = keyed()
    path = tmp_path / "keyed.png"
    path.write_bytes(content.getvalue())
    for found in (read_picture(content), read_picture(path), to_picture(Image.open(path))):
        np.testing.assert_array_equal(found.alpha, opacity)
        assert found.rgb[0, 25].tolist() == [255, 0, 128]
        assert found.rgb[0, 0].tolist() == [0x12, 0x56, 0x9A]


@pytest.mark.parametrize(("depth", "key", "value"), [(2, 2, 170), (4, 10, 170), (8, 170, 170)])
def test_a_transparent_grey_value_is_compared_as_it_is_stored(depth, key, value):
    packed = bytes([sum(key << shift for shift in range(0, 8, depth))])
    rows = [packed * (8 * depth // 8)] + [b"\0" * depth] * 7
    content = png(8, 8, depth, 0, rows, chunk(b"tRNS", struct.pack(">H", key)))
    for found in (read_picture(content), to_picture(Image.open(content))):
        assert found.alpha[:2].tolist() == [[0] * 8, [255] * 8]
    assert value == key * 255 // (2**depth - 1)
