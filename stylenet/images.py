"""Pictures on disk ↔ sRGB bytes; the only place that knows file formats (numpy and pillow only)."""

from __future__ import annotations

import io
import os
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from stylenet.errors import UserError, cannot_write, reason

Bytes = NDArray[np.uint8]

READABLE = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"})
"""Suffixes that a folder is searched for."""

# Only these decoders are tried: Pillow's others include EPS, which would run Ghostscript.
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
_WRITABLE = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".png": "PNG",
    ".webp": "WEBP",
    ".bmp": "BMP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}
_KEEPS_ALPHA = frozenset({"PNG", "WEBP", "TIFF"})
# Full colour resolution in JPEG: strokes have sharper colour edges than photos.
_QUALITY: dict[str, dict[str, int]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"quality": 95},
}
_SRGB = ImageCms.createProfile("sRGB")


@dataclass(frozen=True)
class Picture:
    """A decoded picture: upright, sRGB.

    rgb: uint8 (H, W, 3); alpha: uint8 (H, W), or None where the file has none.
    """

    rgb: Bytes
    alpha: Bytes | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.rgb.shape[0], self.rgb.shape[1]


def find_pictures(folder: Path, *, unreadable: bool = False) -> list[Path]:
    """The picture files in the tree of `folder`, sorted; hidden files and folders left out.

    unreadable: also find links that lead nowhere and folders that cannot be opened, so that
        nothing is missed in silence: reading them tells what is wrong.
    """
    found: list[Path] = []
    closed: list[Path] = []

    def note(error: OSError) -> None:
        closed.append(Path(error.filename))

    for parent, folders, files in os.walk(folder, onerror=note):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths = (Path(parent, name) for name in files if not name.startswith("."))
        found += [path for path in paths if path.suffix.lower() in READABLE]
    if unreadable:  # but no pipes, whose reader waits
        return sorted([*closed, *(path for path in found if path.is_file() or not path.exists())])
    return sorted(path for path in found if path.is_file())


def read_picture(source: Path | IO[bytes], *, min_side: int = 1) -> Picture:
    """Decode a picture file: EXIF orientation applied, colour profile converted to sRGB.

    Grey, palette, CMYK and 16-bit files become 8-bit RGB; transparency is kept as `alpha`.

    Raises:
        UserError: the file is missing, unreadable, no picture, truncated, animated, or its
            shorter side is below `min_side` pixels.
    """
    name = source if isinstance(source, Path) else getattr(source, "name", "picture")
    picture = to_picture(_decode(source, name))
    height, width = picture.size
    if min(height, width) < min_side:
        raise UserError(
            f"{name} is {width}x{height} pixels; give one of at least {min_side}x{min_side}"
        )
    return picture


def _decode(source: Path | IO[bytes], name: object) -> Image.Image:
    """The one frame in the file, upright."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd metadata is no concern of the user
            with Image.open(source, formats=_FORMATS) as image:
                frames = getattr(image, "n_frames", 1)
                if frames > 1 and image.format != "MPO":  # a phone's JPEG: the photo, then extras
                    raise UserError(f"{name} has {frames} frames; save the one you want as a PNG")
                return ImageOps.exif_transpose(image)
    except (UserError, MemoryError):
        raise
    except UnidentifiedImageError:
        raise UserError(
            f"{name} is no picture stylenet can read; give a JPEG, PNG, WebP, BMP or TIFF"
        ) from None
    except Image.DecompressionBombError:
        raise UserError(f"{name} is too large to decode safely; shrink it first") from None
    except Exception as error:  # on damaged files Pillow raises errors of many kinds
        if isinstance(error, OSError) and error.errno:
            raise UserError(f"cannot open {name} ({reason(error)}); check the path") from None
        raise UserError(f"{name} is damaged ({error}); save it again as PNG or JPEG") from None


def to_picture(image: Image.Image) -> Picture:
    """A Pillow image of any mode as 8-bit sRGB, its transparency apart."""
    profile = image.info.get("icc_profile")
    alpha = None
    if image.mode.startswith(("I", "F")):
        image = _to_8_bit(image)
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        alpha = np.asarray(rgba.getchannel("A"))
        image = image.convert("L") if image.mode in ("L", "LA") else rgba
    if image.mode not in ("L", "CMYK"):  # these two have profiles of their own kind
        image = image.convert("RGB")
    if profile:
        image = _to_srgb(image, profile)
    return Picture(np.asarray(image.convert("RGB")), alpha)


def _to_8_bit(image: Image.Image) -> Image.Image:
    """16-bit grey → 8-bit, full range to full range; a float picture is taken as [0, 1]."""
    values = np.asarray(image, dtype=np.float64)
    scaled = np.nan_to_num(values * 255 if image.mode == "F" else values / 257)
    grey = Image.fromarray(np.clip(np.round(scaled), 0, 255).astype(np.uint8))
    transparent = image.info.get("transparency")  # the 16-bit value that stands for "no pixel"
    if transparent is not None:
        grey.putalpha(Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8)))
    return grey


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Colours of `image` from its own profile to sRGB; a broken profile is ignored."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(image, source, _SRGB, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return image
    return converted or image


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
        with Image.open(source, formats=_FORMATS) as image:
            return image.has_transparency_data
    except Exception:  # `read_picture` is the one to complain
        return False


def output_suffix(source: Path) -> str:
    """The suffix to save a result under: that of `source` where it can hold the picture."""
    try:
        file_format(source, transparent=has_transparency(source))
    except UserError:
        return ".png"
    return source.suffix.lower()


def file_format(path: Path, *, transparent: bool) -> str:
    """Pillow's name for the format that the suffix of `path` names.

    Raises:
        UserError: the suffix is unknown, or the format holds no transparency and should.
    """
    name = _WRITABLE.get(path.suffix.lower())
    if name is None:
        known = " ".join(sorted(_WRITABLE))
        raise UserError(f"{path} has no picture suffix stylenet can write; use one of {known}")
    if transparent and name not in _KEEPS_ALPHA:
        raise UserError(f"{path} cannot hold transparency; save as .png, .webp or .tif")
    return name


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
