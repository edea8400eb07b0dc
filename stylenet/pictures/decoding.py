"""Decoding picture files into Pillow images: formats, memory limit, orientation."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from threading import Condition
from typing import IO

from PIL import ExifTags, Image, PngImagePlugin, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import TiffImageFile

from stylenet.pictures import tiff
from stylenet.pictures.formats import DECODERS
from stylenet.pictures.loading import keyed_bytes
from stylenet.system.errors import UserError, reason
from stylenet.system.special_files import refuse_special

MOST_BYTES = 768 * 10**6
"""Bytes of memory that all pictures in decoding may take together. A picture is refused if its
header announces more. The largest colour photo that fits has 109 megapixels."""

# Pillow also logs the errors that it raises. Without a handler, Python would print them.
logging.getLogger("PIL").addHandler(logging.NullHandler())

# Photoshop and phones write chunks with megabytes of text and profiles. Pillow's limit on the sum
# of all chunks stays.
PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY

# Peak bytes per pixel of the decoders, measured with Pillow 13 on 16 megapixels and rounded up.
# The other decoders write row by row into the image itself.
_DECODER_BYTES = {"WEBP": 19, "AVIF": 16, "JPEG2000": 28}
_MODE_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16L": 2, "I;16B": 2, "I;16N": 2}
_COEFFICIENT_BYTES = 2  # a progressive JPEG keeps one DCT coefficient for each sample


class Room:
    """A memory budget that threads share. A thread waits until the bytes it needs are free."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.clear()

    def clear(self) -> None:
        """Free the whole budget. A forked process lacks the threads that held parts of it."""
        self._free = self.total
        self._changed = Condition()

    @contextmanager
    def taken(self, size: int) -> Iterator[None]:
        """Hold `size` bytes until the block ends; `size` must not exceed the total."""
        with self._changed:
            self._changed.wait_for(lambda: size <= self._free)
            self._free -= size
        try:
            yield
        finally:
            with self._changed:
                self._free += size
                self._changed.notify_all()


_ROOM = Room(MOST_BYTES)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_ROOM.clear)


@contextmanager
def decoding_errors(name: object) -> Iterator[None]:
    """Turn every error that Pillow raises on a file into a `UserError`, which calls it `name`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a warning about odd metadata does not help the user
            yield
    except UserError:
        raise
    except MemoryError:
        raise UserError(f"{name} needs more memory to decode than there is; shrink it") from None
    except UnidentifiedImageError:
        raise UserError(
            f"{name} is no picture stylenet can read; give a JPEG, PNG, WebP, BMP or TIFF"
        ) from None
    except Image.DecompressionBombError:
        raise tiff.too_large(name) from None
    except Exception as error:  # on damaged files Pillow raises errors of many kinds
        if isinstance(error, OSError) and error.errno:
            raise UserError(f"cannot open {name} ({reason(error)}); check the path") from None
        raise UserError(f"{name} is damaged ({error}); save it again as PNG or JPEG") from None


@contextmanager
def opened(
    source: Path | IO[bytes], name: object, min_side: int = 1, shorter_side: int | None = None
) -> Iterator[Image.Image]:
    """The only frame in a picture file, as stored. Memory for decoding is held meanwhile.

    To be used within `decoding_errors`.

    Args:
        shorter_side: sufficient length of the shorter side in pixels. A JPEG is then decoded at a
            fraction of its size.

    Raises:
        UserError: the picture takes more than `MOST_BYTES`, has several frames, or its shorter
            side is below `min_side` pixels.
    """
    with _identified(source) as image:
        page = _only_frame(image, source, name)
        if isinstance(image, Image.Image) and _pillow_knows(image, page):
            _check_size(image, name, min_side)
            if shorter_side is not None and isinstance(image, JpegImageFile):
                factor = max(1, min(image.size) // shorter_side)
                image.draft(None, (image.width // factor, image.height // factor))
            with room_for(image, name):
                yield image
            return
    with _ROOM.taken(MOST_BYTES):
        image = tiff.read_samples(source, name, page, MOST_BYTES)
        _check_size(image, name, min_side)
        yield image


def announced(source: IO[bytes], name: object) -> tuple[str, int, int] | None:
    """Pillow's name of a picture's format, its width and its height, as the header tells them.

    None stands for a TIFF that Pillow does not recognise. Nothing is decoded.

    Raises:
        UserError: the file is no picture, or its header is damaged.
    """
    with decoding_errors(name), _identified(source) as image:
        return None if image is None else (image.format or "", *image.size)


def _identified(source: Path | IO[bytes]) -> AbstractContextManager[Image.Image | None]:
    """The picture as Pillow opens it; None for a TIFF that Pillow does not recognise."""
    if isinstance(source, Path):
        refuse_special(source)
    try:
        return Image.open(source, formats=DECODERS)
    except UnidentifiedImageError:
        if not _is_tiff(source):
            raise
    return nullcontext()


def _pillow_knows(image: Image.Image, page: int) -> bool:
    if not isinstance(image, TiffImageFile):
        return True
    try:
        image.seek(page)
    except SyntaxError:  # Pillow's error for samples of an unknown kind
        return False
    return not tiff.beyond_pillow(image)


@contextmanager
def room_for(image: Image.Image, name: object) -> Iterator[None]:
    """Hold the memory that decoding an image takes. A decoded image takes none.

    Raises:
        UserError: decoding takes more than `MOST_BYTES`.
    """
    if not getattr(image, "tile", None):
        yield
        return
    _check_size(image, name, 1)
    with _ROOM.taken(memory(image)):
        yield


def as_stored(image: Image.Image, name: object) -> Image.Image:
    """An open image; read from its file where Pillow would give other values than are there.

    To be used within `decoding_errors`.

    Raises:
        UserError: as of `tiff.read_samples`.
    """
    if not isinstance(image, TiffImageFile) or not image.tile or not tiff.beyond_pillow(image):
        return image
    assert image.fp is not None
    return tiff.read_samples(image.fp, name, image.tell(), MOST_BYTES)


def _is_tiff(source: Path | IO[bytes]) -> bool:
    magic = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
    if isinstance(source, Path):
        with source.open("rb") as file:
            return file.read(4) in magic
    source.seek(0)
    found = source.read(4) in magic
    source.seek(0)
    return found


def _only_frame(image: Image.Image | None, source: Path | IO[bytes], name: object) -> int:
    """The frame number of the only picture in the file.

    Thumbnails do not count. Nor do the frames that a phone's JPEG (MPO) holds behind the photo.
    """
    try:
        frames = list(range(getattr(image, "n_frames", 1)))
    except SyntaxError:  # a page of samples that Pillow does not know
        frames = []
    if image is None or (len(frames) != 1 and image.format == "TIFF"):
        frames = tiff.pages(source)
    if len(frames) > 1 and (image is None or image.format != "MPO"):
        raise UserError(f"{name} has {len(frames)} frames; save the one you want as a PNG")
    return frames[0]


def _check_size(image: Image.Image, name: object, min_side: int) -> None:
    if memory(image) > MOST_BYTES:
        raise tiff.too_large(name)
    width, height = image.size
    if min(width, height) < min_side:
        raise UserError(
            f"{name} is {width}x{height} pixels; give one of at least {min_side}x{min_side}"
        )


def memory(image: Image.Image) -> int:
    """The most bytes that converting a file to 8-bit RGB takes, computed from its header."""
    stored = _MODE_BYTES.get(image.mode, 4)
    result = 4 if image.has_transparency_data else 3
    working = max(_DECODER_BYTES.get(image.format or "", stored), keyed_bytes(image))
    if isinstance(image, JpegImageFile) and image.info.get("progressive"):
        largest = max(across * down for _, across, down, _ in image.layer)
        shares = sum(across * down / largest for _, across, down, _ in image.layer)
        working += round(_COEFFICIENT_BYTES * shares)
    if image.mode.startswith(("I", "F")) and (image.mode != "I;16" or image.format == "TIFF"):
        stored += 6  # a copy of 4 bytes a pixel, and its 16-bit version
    if isinstance(image, TiffImageFile):
        working += 8 if image.use_load_libtiff else 0  # of a strip, which may be the whole picture
    # Turning a picture upright needs a second copy of the result.
    return image.width * image.height * max(working, stored + result, 2 * result)


def orientation(image: Image.Image) -> int:
    """The EXIF orientation of a loaded image, 1 to 8; 1 if the metadata cannot be read.

    XMP is ignored, because viewers ignore it too. An orientation that a program has set itself, as
    by ``image.getexif()[0x0112] = 6``, comes first.
    """
    found = _set_here(image)
    if found is None:
        found = _stored_orientation(image)
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def _set_here(image: Image.Image) -> object:
    """The orientation that a program has set in memory, 1 where it was removed; else None."""
    like = Image.new("1", (1, 1))
    like.info = image.info
    try:
        now, before = (each.getexif().get(ExifTags.Base.Orientation) for each in (image, like))
    except Exception:  # of many kinds, as on all that is damaged
        return None
    return None if now == before else now or 1


def _stored_orientation(image: Image.Image) -> object:
    try:
        if isinstance(image, TiffImageFile):  # loading turns a TIFF and removes the tag
            return image.tag_v2.get(ExifTags.Base.Orientation)
        if "exif" in image.info:
            exif = Image.Exif()
            exif.load(image.info["exif"])
            return exif.get(ExifTags.Base.Orientation)
        if "Raw profile type exif" in image.info:
            return image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # damaged metadata raises errors of many kinds
        pass
    return None
