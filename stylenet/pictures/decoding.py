"""Picture files → Pillow images: what is tried, how much memory it may take, which way is up."""

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
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile

from stylenet.pictures import tiff
from stylenet.pictures.formats import DECODERS
from stylenet.system.errors import UserError, reason

MOST_BYTES = 768 * 10**6
"""Memory that pictures may take while they are decoded, one or several at once. A picture that
takes more by its header is refused: the largest photo in colour has 109 megapixels."""

# Without a handler of its own, Python would print what Pillow logs, and raises, too.
logging.getLogger("PIL").addHandler(logging.NullHandler())

# Photoshop and phones write megabytes of text and profiles. Pillow's bound on their sum stays.
PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY

# Bytes a pixel at the decoders' peak, measured with Pillow 13 on 16 megapixels, rounded up. Others
# decode row by row into the image itself.
_DECODER_BYTES = {"WEBP": 19, "AVIF": 16, "JPEG2000": 28}
_MODE_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16L": 2, "I;16B": 2, "I;16N": 2}
_COEFFICIENT = 2  # bytes, of which a progressive JPEG keeps one for each sample


class Room:
    """Memory shared by threads: each takes what it needs, or waits until others give it back."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.clear()

    def clear(self) -> None:
        """Forget what was taken: a forked process has none of the threads that took it."""
        self._free = self.total
        self._changed = Condition()

    @contextmanager
    def taken(self, size: int) -> Iterator[None]:
        """Hold `size` bytes, at most all there are."""
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
    """Whatever Pillow raises on a file, as a `UserError` that calls it `name`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd metadata is no concern of the user
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
    """The one frame in a picture file, as stored; room for decoding it is held meanwhile.

    To be used within `decoding_errors`.

    shorter_side: pixels that are enough; a JPEG is then decoded at a fraction of its size.

    Raises:
        UserError: it takes more than `MOST_BYTES`, has several frames, or its shorter side is below
            `min_side` pixels.
    """
    with _identified(source) as image:
        page = _only_frame(image, source, name)
        if isinstance(image, Image.Image) and _pillow_knows(image, page):
            _check_size(image, name, min_side)
            if shorter_side is not None and isinstance(image, JpegImageFile):
                factor = max(1, min(image.size) // shorter_side)
                image.draft(None, (image.width // factor, image.height // factor))
            _scale_transparent_colour(image)
            with room_for(image, name):
                yield image
            return
    with _ROOM.taken(MOST_BYTES):
        image = tiff.read_samples(source, name, page, MOST_BYTES)
        _check_size(image, name, min_side)
        yield image


def _identified(source: Path | IO[bytes]) -> AbstractContextManager[Image.Image | None]:
    """The picture as Pillow opens it; nothing for a TIFF that it does not know."""
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
    except SyntaxError:  # so it says of samples of an unknown kind
        return False
    return not tiff.beyond_pillow(image)


@contextmanager
def room_for(image: Image.Image, name: object) -> Iterator[None]:
    """Hold the memory that decoding an image takes: none, where Pillow has done so.

    Raises:
        UserError: it takes more than `MOST_BYTES`.
    """
    if not getattr(image, "tile", None):
        yield
        return
    _check_size(image, name, 1)
    with _ROOM.taken(memory(image)):
        yield


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
    """The number of the one picture of the file.

    Thumbnails beside it do not count, nor does what a phone's JPEG holds behind the photo.
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


def _scale_transparent_colour(image: Image.Image) -> None:
    """Bring the colour that stands for "no pixel" to 8 bits, as Pillow does the others of a PNG."""
    key = image.info.get("transparency")
    if not isinstance(image, PngImageFile) or not image.tile or key is None:
        return
    stored = image.tile[0].args
    if stored in ("L;2", "L;4"):
        image.info["transparency"] = key * (85 if stored == "L;2" else 17)
    elif stored == "RGB;16B":
        image.info["transparency"] = tuple(value >> 8 for value in key)


def _check_size(image: Image.Image, name: object, min_side: int) -> None:
    if memory(image) > MOST_BYTES:
        raise tiff.too_large(name)
    width, height = image.size
    if min(width, height) < min_side:
        raise UserError(
            f"{name} is {width}x{height} pixels; give one of at least {min_side}x{min_side}"
        )


def memory(image: Image.Image) -> int:
    """Bytes that a picture takes at most, from its file to 8-bit RGB, told by its header."""
    stored = _MODE_BYTES.get(image.mode, 4)
    result = 4 if image.has_transparency_data else 3
    working = _DECODER_BYTES.get(image.format or "", stored)
    if isinstance(image, JpegImageFile) and image.info.get("progressive"):
        largest = max(across * down for _, across, down, _ in image.layer)
        shares = sum(across * down / largest for _, across, down, _ in image.layer)
        working += round(_COEFFICIENT * shares)
    if image.mode.startswith(("I", "F")) and (image.mode != "I;16" or image.format == "TIFF"):
        stored += 6  # a copy, and 16 bits of each
    if isinstance(image, TiffImageFile):
        working += 8 if image.use_load_libtiff else 0  # a strip, which may be all of it
    # A turned picture is there twice.
    return image.width * image.height * max(working, stored + result, 2 * result)


def orientation(image: Image.Image) -> int:
    """EXIF's number for how a loaded image lies, 1 to 8; 1 where metadata cannot be read.

    XMP is not asked: viewers do not ask it either. What a program has set itself, as
    ``image.getexif()[0x0112] = 6``, comes first.
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
        if isinstance(image, TiffImageFile):  # Pillow turns it, and then forgets the tag
            return image.tag_v2.get(ExifTags.Base.Orientation)
        if "exif" in image.info:
            exif = Image.Exif()
            exif.load(image.info["exif"])
            return exif.get(ExifTags.Base.Orientation)
        if "Raw profile type exif" in image.info:
            return image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # of many kinds, as on all that is damaged
        pass
    return None
