"""All that may be given for a photo, as a service gives it: upright, or one line that says why."""

import io
from pathlib import Path
from typing import IO

import numpy as np
import pytest
from PIL import Image

from stylenet.pictures import decoding
from stylenet.pictures.images import Picture
from stylenet.runtime.regions import Mask
from stylenet.runtime.stylizer import RegionalStylizer, Stylizer
from stylenet.system.errors import UserError

ORIENTATION = 0x0112


@pytest.fixture
def turned(picture) -> bytes:
    """A PNG that lies on its side."""
    exif, content = Image.Exif(), io.BytesIO()
    exif[ORIENTATION] = 6
    Image.fromarray(picture).save(content, "PNG", exif=exif)
    return content.getvalue()


class Stream:
    """An open connection: it is read once and cannot be wound back."""

    def __init__(self, content: bytes) -> None:
        self._file = io.BytesIO(content)

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)


GIVEN = {
    "path": lambda content, path: path,
    "text": lambda content, path: str(path),
    "bytes": lambda content, path: content,
    "bytearray": lambda content, path: bytearray(content),
    "memoryview": lambda content, path: memoryview(content),
    "memoryview with gaps": lambda content, path: memoryview(
        np.repeat(np.frombuffer(content, np.uint8), 2)
    )[::2],
    "BytesIO": lambda content, path: io.BytesIO(content),
    "file": lambda content, path: path.open("rb"),
    "stream": lambda content, path: Stream(content),
    "Image": lambda content, path: Image.open(io.BytesIO(content)),
    "Image of a path": lambda content, path: Image.open(path),
    "Image in memory": lambda content, path: Image.open(path).convert("RGBA"),
}


@pytest.mark.parametrize("kind", GIVEN)
def test_a_photo_is_upright_however_it_is_given(picture, turned, tmp_path, kind):
    path = tmp_path / "photo.png"
    path.write_bytes(turned)
    found = Stylizer(lambda rgb: rgb)(GIVEN[kind](turned, path))
    np.testing.assert_array_equal(found.rgb, np.rot90(picture, -1))


def test_a_file_that_was_read_before_is_read_from_its_start(picture, turned):
    file = io.BytesIO(turned)
    file.read(100)
    assert Stylizer(lambda rgb: rgb)(file).size == picture.shape[1::-1]


def test_arrays_and_pictures_are_taken_as_they_are(picture):
    stylizer = Stylizer(lambda rgb: rgb)
    np.testing.assert_array_equal(stylizer(picture).rgb, picture)
    np.testing.assert_array_equal(stylizer(Picture(picture)).rgb, picture)


def test_the_bound_on_decoding_is_for_files_that_are_not_decoded_yet(monkeypatch, turned):
    """Whoever has an image in memory has the memory."""
    monkeypatch.setattr(decoding, "MOST_BYTES", 1000)
    with pytest.raises(UserError, match="the photo is too large to decode safely"):
        Stylizer(lambda rgb: rgb)(Image.open(io.BytesIO(turned)))
    loaded = Image.open(io.BytesIO(turned))
    loaded.load()
    assert Stylizer(lambda rgb: rgb)(loaded).size == loaded.size


def test_a_stream_is_enough_for_several_regions(picture, turned, tmp_path):
    Image.new("L", (8, 8), 255).save(tmp_path / "mask.png")
    inverted = Stylizer(lambda rgb: 255 - rgb)
    mask = Mask(tmp_path / "mask.png")
    found = RegionalStylizer([inverted, inverted], [mask, mask], feather=0)(Stream(turned))
    np.testing.assert_allclose(found.rgb, 255 - np.rot90(picture, -1), atol=1)


def closed_image() -> Image.Image:
    image = Image.open(io.BytesIO(png()))
    image.close()
    return image


def closed_file() -> io.BytesIO:
    file = io.BytesIO(b"")
    file.close()
    return file


def open_text() -> IO[str]:
    return Path(__file__).open()


def png() -> bytes:
    content = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(pixels).save(content, "PNG")
    return content.getvalue()


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: b"", "the photo is no picture stylenet can read"),
        (lambda: png()[:2000], "the photo is damaged"),
        (lambda: Image.open(io.BytesIO(png()[:2000])), "the photo is damaged"),
        (closed_image, "the photo is damaged"),
        (closed_file, "cannot read the photo"),
        (lambda: io.StringIO("x"), "the photo is open as text; open it in binary mode"),
        (open_text, r"test_preprocess\.py is open as text"),
        (lambda: None, "NoneType is no photo"),
        (lambda: [1, 2], "list is no photo"),
        (
            lambda: np.zeros((64, 64)),
            r"the photo must be uint8 RGB \(H, W, 3\), not float64 \(64, 64\)",
        ),
        (lambda: np.zeros((64, 64, 4), np.uint8), "the photo must be uint8 RGB"),
        (lambda: np.zeros((0, 0, 3), np.uint8), "the photo must be uint8 RGB"),
        (lambda: Image.new("RGB", (8, 8)), "the photo becomes 8x8; the net needs at least 32x32"),
        (lambda: Image.new("F", (64, 64), 70), r"the photo holds floats from 70 to 70"),
    ],
)
def test_what_is_no_photo_is_told_in_one_line(make, told):
    given = make()
    with pytest.raises(UserError, match=told) as found:
        Stylizer(lambda rgb: rgb)(given)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize("stored", [None, 3])
@pytest.mark.parametrize(("chosen", "turns"), [(6, -1), (8, 1), (1, 0), (None, 0)])
def test_an_orientation_that_a_program_sets_counts(picture, stored, chosen, turns):
    """Also where it sets that the picture is upright, or removes what the file says."""
    exif, content = Image.Exif(), io.BytesIO()
    if stored:
        exif[ORIENTATION] = stored
    Image.fromarray(picture).save(content, "JPEG", quality=95, subsampling=0, exif=exif)
    with Image.open(content) as image:
        pixels = np.asarray(image)
        image.getexif()[ORIENTATION] = chosen
        if chosen is None:
            del image.getexif()[ORIENTATION]
        found = Stylizer(lambda rgb: rgb)(image)
    np.testing.assert_array_equal(found.rgb, np.rot90(pixels, turns))


def test_an_orientation_that_is_set_on_an_image_without_a_file_counts(picture):
    image = Image.fromarray(picture)
    image.getexif()[ORIENTATION] = 6
    found = Stylizer(lambda rgb: rgb)(image)
    np.testing.assert_array_equal(found.rgb, np.rot90(picture, -1))


def test_an_orientation_of_xmp_turns_nothing_even_where_exif_was_looked_at(picture):
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a tiff:Orientation="6"/></x:xmpmeta>'
    content = io.BytesIO()
    Image.fromarray(picture).save(content, "WEBP", lossless=True, xmp=xmp)
    with Image.open(content) as image:
        assert image.getexif()[ORIENTATION] == 6
        found = Stylizer(lambda rgb: rgb)(image)
    np.testing.assert_array_equal(found.rgb, picture)


def test_a_view_that_was_released_is_named():
    view = memoryview(b"x")
    view.release()
    with pytest.raises(UserError, match="cannot read the photo"):
        Stylizer(lambda rgb: rgb)(view)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"stroke_scale": 0}, "stroke_scale=0 is no number between 0.125 and 8"),
        ({"stroke_scale": float("nan")}, "stroke_scale=nan is no number between 0.125 and 8"),
        ({"stroke_scale": "2"}, "stroke_scale='2' is no number"),
        ({"size": "x"}, "size='x' is no whole number between 1 and 16383"),
        ({"size": 64.5}, "size=64.5 is no whole number"),
        ({"size": 0}, "size=0 is no whole number"),
        ({"size": 10**9}, "size=1000000000 is no whole number"),
    ],
    ids=str,
)
def test_numbers_that_make_no_sense_are_named(options, said):
    with pytest.raises(UserError, match=said):
        Stylizer(lambda rgb: rgb, **options)


@pytest.mark.parametrize("model", [None, 3, object()])
def test_what_is_no_model_is_named(model):
    with pytest.raises(UserError, match=r"is no model; give an \.onnx file or its bytes"):
        Stylizer(model)
