"""Pictures on disk ↔ sRGB bytes (numpy, pillow and tifffile only)."""

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
from stylenet.pictures.tiff import check_colours, full_range
from stylenet.pictures.transparency import show_through
from stylenet.system.errors import UserError, cannot_write
from stylenet.system.special_files import refuse_special

Bytes = NDArray[np.uint8]
T = TypeVar("T", bound=np.generic)

# Full colour resolution in JPEG: strokes have sharper colour edges than photos.
_QUALITY: dict[str, dict[str, int]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"quality": 95},
}
_SRGB = ImageCms.createProfile("sRGB")
_BAND = 2**20  # pixels converted at once, so that no step needs another copy of the picture
_REDUCING_GAP = 2  # a picture is averaged to at least so many times the size wanted, then resampled


@dataclass(frozen=True)
class Picture:
    """A decoded picture: upright, sRGB.

    rgb: uint8 (H, W, 3), what a net may see: where little or nothing shows, the colours around;
    alpha: uint8 (H, W), or None where the file has none.
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
    """Decode a picture file: EXIF orientation applied, colour profile converted to sRGB.

    Grey, palette, CMYK and 16-bit files become 8-bit RGB; transparency is kept as `alpha`, and
    colours that it hides are not in `rgb`.

    shorter_side: pixels that are enough. A larger picture may come smaller, but at least twice
        so large: it takes less time and memory.

    Raises:
        UserError: the file is missing, unreadable, no picture, truncated, animated, takes more
            memory than `decoding.MOST_BYTES` or there is, or its shorter side is below `min_side`
            pixels.
    """
    name = source if isinstance(source, Path) else getattr(source, "name", "picture")
    enough = None if shorter_side is None else _REDUCING_GAP * shorter_side

    def converted() -> tuple[Bytes, Bytes | None, int]:
        with opened(source, name, min_side, enough) as image:
            return _converted(image, name, enough)

    with decoding_errors(name):
        return _finished(*converted())  # without Pillow's copy of the pixels


def to_picture(image: Image.Image, name: object = "the photo") -> Picture:
    """A Pillow image of any mode as 8-bit sRGB, upright, its transparency apart.

    Raises:
        UserError: its file turns out to be damaged, or it takes too much memory.
    """
    with decoding_errors(name), room_for(image, name):
        return _finished(*_converted(as_stored(image, name), name, None))


def _finished(rgb: Bytes, alpha: Bytes | None, lies: int) -> Picture:
    if alpha is not None:
        show_through(rgb, alpha)
        alpha = upright(alpha, lies)
    return Picture(upright(rgb, lies), alpha)


def upright(values: NDArray[T], lies: int) -> NDArray[T]:
    """(H, W, …) as a viewer shows it; `lies` is the orientation of EXIF (2.32, section 4.6.4 A)."""
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
    """8-bit sRGB and opacity, made of bands of rows, and EXIF's number for how both lie.

    enough: pixels of the shorter side, see `read_picture`.
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
    """Bands of an image of any mode → ``RGB``, or ``RGBA`` where it has transparency."""

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
        if band.mode not in ("L", "CMYK", "LAB"):  # these have profiles of their own kind
            band = band.convert("RGB")
        band = self._in_srgb(band).convert("RGB")
        if alpha is not None:
            band.putalpha(alpha)
        return band

    def _in_srgb(self, band: Image.Image) -> Image.Image:
        """From the picture's own profile; a broken one, or one of other colours, is ignored."""
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
    """``I;16`` → ``L``, full range to full range, or ``LA``."""
    values = np.asarray(band)
    grey = Image.fromarray(((values.astype(np.uint32) + 128) // 257).astype(np.uint8))
    transparent = band.info.get("transparency")  # the 16-bit value that stands for "no pixel"
    if transparent is not None:
        grey.putalpha(Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8)))
    return grey


def resize(picture: Picture, longer_side: int) -> Picture:
    """Scale `picture`, up or down, until its longer side has `longer_side` pixels."""
    height, width = picture.size
    scale = longer_side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))

    def scaled(values: Bytes) -> Bytes:
        return np.asarray(Image.fromarray(values).resize(size, Image.Resampling.LANCZOS))

    return Picture(scaled(picture.rgb), None if picture.alpha is None else scaled(picture.alpha))


def has_transparency(source: Path) -> bool:
    """Whether the file says it has transparency; False for one that cannot be read."""
    try:
        refuse_special(source)
        with decoding_errors(source), Image.open(source, formats=DECODERS) as image:
            return image.has_transparency_data
    except UserError:  # `read_picture` is the one to complain
        return False


def output_suffix(source: Path) -> str:
    """The suffix to save a result under: that of `source` where it can hold the picture."""
    try:
        file_format(source, transparent=has_transparency(source))
    except UserError:
        return ".png"
    return source.suffix.lower()


def write_picture(picture: Picture, path: Path) -> None:
    """Save `picture` as the format that the suffix of `path` names, atomically.

    Raises:
        UserError: the suffix is unknown, the format cannot hold the picture's size or
            transparency, or the file cannot be written.
    """
    name = file_format(path, transparent=picture.alpha is not None)
    image = Image.fromarray(picture.rgb)
    if picture.alpha is not None:
        image.putalpha(Image.fromarray(picture.alpha))
    encoded = io.BytesIO()
    try:
        image.save(encoded, format=name, **_QUALITY.get(name, {}))
    except (OSError, ValueError) as error:
        size = f"{image.width}x{image.height}"
        raise UserError(f"{path} cannot hold {size} pixels ({error}); save as .png") from None
    write_atomically(path, lambda file: file.write(encoded.getbuffer()))


def write_atomically(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Let `write` fill a file that appears at `path` whole or not at all.

    Raises:
        UserError: the folder cannot be made or the file not written (no permission, disk full).
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
    """The system's own error behind `error`: torch raises another while it handles that one."""
    while error is not None and not isinstance(error, OSError):
        context = None if error.__suppress_context__ else error.__context__
        error = error.__cause__ or context
    return error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
