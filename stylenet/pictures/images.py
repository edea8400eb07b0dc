"""Reading and writing picture files as sRGB bytes, with only numpy, Pillow and tifffile."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from stylenet.pictures.decoding import as_stored, decoding_errors, opened, orientation, room_for
from stylenet.pictures.formats import DECODERS, file_format
from stylenet.pictures.loading import load
from stylenet.pictures.resizing import resize_longer_side
from stylenet.pictures.tiff import check_colours, full_range
from stylenet.pictures.transparency import show_through
from stylenet.system.errors import UserError, cannot_write
from stylenet.system.special_files import refuse_special

Bytes = NDArray[np.uint8]
T = TypeVar("T", bound=np.generic)

# JPEG keeps the full colour resolution, because strokes have sharper colour edges than photos.
_QUALITY: dict[str, dict[str, int]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"quality": 95},
}
_SRGB = ImageCms.createProfile("sRGB")
_BAND = 2**20  # pixels converted at once, so that no step needs another copy of the picture
_REDUCING_GAP = 2  # averaging leaves at least this multiple of the wanted size for resampling


@dataclass(frozen=True)
class Picture:
    """A decoded picture, upright and in sRGB.

    rgb: uint8 (H, W, 3), as a net may see it. Pixels that hardly show have the colours around;
    alpha: uint8 (H, W), or None if the file has no transparency.
    """

    rgb: Bytes
    alpha: Bytes | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.rgb.shape[0], self.rgb.shape[1]


def read_picture(
    source: Path | IO[bytes], *, min_side: int = 1, shorter_side: int | None = None
) -> Picture:
    """Decode a picture file, apply its EXIF orientation and convert its colour profile to sRGB.

    Grey, palette, CMYK and 16-bit files become 8-bit RGB. Transparency is kept as `alpha`. Hidden
    colours are not in `rgb`.

    Args:
        shorter_side: sufficient length of the shorter side in pixels. To save time and memory, a
            larger picture may be reduced, to at least twice this length.

    Raises:
        UserError: the file is missing, unreadable, no picture, truncated or animated; it takes
            more memory than `decoding.MOST_BYTES` or than is free; or its shorter side is below
            `min_side` pixels.
    """
    name = source if isinstance(source, Path) else getattr(source, "name", "picture")
    enough = None if shorter_side is None else _REDUCING_GAP * shorter_side

    def converted() -> tuple[Bytes, Bytes | None, int]:
        with opened(source, name, min_side, enough) as image:
            return _converted(image, name, enough)

    with decoding_errors(name):
        return _finished(*converted())  # Pillow's copy of the pixels is freed by now


def to_picture(image: Image.Image, name: object = "the photo") -> Picture:
    """Convert a Pillow image of any mode to 8-bit sRGB, upright, with separate transparency.

    Raises:
        UserError: the image's file is damaged, or decoding it takes too much memory.
    """
    with decoding_errors(name), room_for(image, name):
        return _finished(*_converted(as_stored(image, name), name, None))


def _finished(rgb: Bytes, alpha: Bytes | None, lies: int) -> Picture:
    if alpha is not None:
        show_through(rgb, alpha)
        alpha = upright(alpha, lies)
    return Picture(upright(rgb, lies), alpha)


def upright(values: NDArray[T], lies: int) -> NDArray[T]:
    """Turn (H, W, …) as a viewer does; `lies` is the EXIF orientation (2.32, section 4.6.4 A)."""
    if lies >= 5:
        values = values.swapaxes(0, 1)
    if lies in (3, 4, 7, 8):
        values = values[::-1]
    if lies in (2, 3, 6, 7):
        values = values[:, ::-1]
    return np.ascontiguousarray(values)


def _converted(
    image: Image.Image, name: object, enough: int | None
) -> tuple[Bytes, Bytes | None, int]:
    """8-bit sRGB, opacity and the EXIF orientation of both. Rows are converted in bands.

    enough: sufficient length of the shorter side in pixels.
    """
    image = load(image)
    lies = orientation(image)
    if image.mode.startswith(("I", "F")):
        image = full_range(image, name)
    check_colours(image, name)
    to_srgb = _Conversion(image)
    factor = 1 if enough is None else max(1, min(image.size) // enough)
    width, height = -(-image.width // factor), -(-image.height // factor)
    rgb = np.empty((height, width, 3), np.uint8)
    alpha = np.empty((height, width), np.uint8) if image.has_transparency_data else None
    rows = max(1, _BAND // (image.width * factor))
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        box = (0, top * factor, image.width, min(bottom * factor, image.height))
        band = to_srgb(image.crop(box))
        band = band.reduce(factor) if factor > 1 else band
        values = np.asarray(band)
        rgb[top:bottom] = values[..., :3]
        if alpha is not None:
            alpha[top:bottom] = values[..., 3]
    return rgb, alpha, lies


class _Conversion:
    """Converts bands of an image to ``RGB``, or to ``RGBA`` if the image has transparency."""

    def __init__(self, image: Image.Image) -> None:
        self.profile = image.info.get("icc_profile")
        self._transforms: dict[str, ImageCms.ImageCmsTransform | None] = {}

    def __call__(self, band: Image.Image) -> Image.Image:
        alpha = None
        if band.mode.startswith("I"):
            band = _to_8_bit(band)
        if band.has_transparency_data:
            rgba = band.convert("LA").convert("RGBA") if band.mode == "La" else band.convert("RGBA")
            alpha = rgba.getchannel("A")
            band = band.convert("L") if band.mode in ("L", "LA") else rgba
        if band.mode not in ("L", "CMYK", "LAB"):  # a profile of these modes is not for RGB
            band = band.convert("RGB")
        band = self._in_srgb(band).convert("RGB")
        if alpha is not None:
            band.putalpha(alpha)
        return band

    def _in_srgb(self, band: Image.Image) -> Image.Image:
        """Apply the picture's own profile, unless it is broken or belongs to another mode."""
        mode = band.mode
        if mode not in self._transforms:
            self._transforms[mode] = self._transform(mode)
        transform = self._transforms[mode]
        return band if transform is None else transform.apply(band)

    def _transform(self, mode: str) -> ImageCms.ImageCmsTransform | None:
        if mode == "LAB":
            return ImageCms.buildTransform(ImageCms.createProfile("LAB"), _SRGB, "LAB", "RGB")
        if not self.profile:
            return None
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(self.profile))
            return ImageCms.buildTransform(source, _SRGB, mode, "RGB")
        except (ImageCms.PyCMSError, OSError):
            return None


def _to_8_bit(band: Image.Image) -> Image.Image:
    """``I;16`` → ``L`` over the full range, or ``LA`` if one value is transparent."""
    values = np.asarray(band)
    grey = Image.fromarray(((values.astype(np.uint32) + 128) // 257).astype(np.uint8))
    transparent = band.info.get("transparency")  # the 16-bit value of transparent pixels
    if transparent is not None:
        grey.putalpha(Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8)))
    return grey


def resize(picture: Picture, longer_side: int) -> Picture:
    """Scale `picture`, up or down, until its longer side has `longer_side` pixels."""
    alpha = None if picture.alpha is None else resize_longer_side(picture.alpha, longer_side)
    return Picture(resize_longer_side(picture.rgb, longer_side), alpha)


def has_transparency(source: Path) -> bool:
    """Whether the file declares transparency; False for a file that cannot be read."""
    try:
        refuse_special(source)
        with decoding_errors(source), Image.open(source, formats=DECODERS) as image:
            return image.has_transparency_data
    except UserError:  # `read_picture` reports the fault
        return False


def output_suffix(source: Path) -> str:
    """The suffix of `source`, or ``.png`` if its format cannot hold the result."""
    try:
        file_format(source, transparent=has_transparency(source))
    except UserError:
        return ".png"
    return source.suffix.lower()


def write_picture(picture: Picture, path: Path) -> None:
    """Save `picture` atomically, in the format that the suffix of `path` names.

    Raises:
        UserError: the suffix is unknown, the format cannot hold the picture's size or
            transparency, or the file cannot be written.
    """
    content = encoded(picture, file_format(path, transparent=picture.alpha is not None), path)
    write_atomically(path, lambda file: file.write(content))


def encoded(picture: Picture, file_format: str, name: object) -> bytes:
    """The bytes of a file that holds `picture`.

    Args:
        file_format: Pillow's name of a format that can hold the picture's transparency. name: what
            messages call the file.

    Raises:
        UserError: the format cannot hold the picture's size.
    """
    image = Image.fromarray(picture.rgb)
    if picture.alpha is not None:
        image.putalpha(Image.fromarray(picture.alpha))
    content = io.BytesIO()
    try:
        image.save(content, format=file_format, **_QUALITY.get(file_format, {}))
    except (OSError, ValueError) as error:
        size = f"{image.width}x{image.height}"
        raise UserError(f"{name} cannot hold {size} pixels ({error}); save as .png") from None
    return content.getvalue()


def write_atomically(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Let `write` fill a file, which appears at `path` complete or not at all.

    Raises:
        UserError: the folder cannot be made, or the file cannot be written (no permission, disk
            full).
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".part-", delete=False) as file:
            temporary = Path(file.name)
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except BaseException as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        if failure := _failure(error):
            raise cannot_write(path, failure) from None
        raise


def _failure(error: BaseException | None) -> OSError | None:
    """The system's error behind `error`. Torch raises its own error while handling the system's."""
    while error is not None and not isinstance(error, OSError):
        context = None if error.__suppress_context__ else error.__context__
        error = error.__cause__ or context
    return error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
