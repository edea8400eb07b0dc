"""Pictures on disk ↔ sRGB bytes; the only place that knows file formats (numpy and pillow only)."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from stylenet.errors import UserError, reason

Bytes = NDArray[np.uint8]

READABLE = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"})
"""Suffixes that a folder is searched for."""

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


def read_picture(source: Path | IO[bytes], *, min_side: int = 1) -> Picture:
    """Decode a picture file: EXIF orientation applied, colour profile converted to sRGB.

    Grey, palette, CMYK and 16-bit files become 8-bit RGB; transparency is kept as `alpha`.

    Raises:
        UserError: the file is missing, unreadable, no picture, truncated, animated, or its
            shorter side is below `min_side` pixels.
    """
    name = source if isinstance(source, Path) else getattr(source, "name", "picture")
    try:
        with Image.open(source) as image:
            if getattr(image, "n_frames", 1) > 1:
                raise UserError(
                    f"{name} has {image.n_frames} frames; save the one you want as a PNG"
                )
            image.load()
            picture = _to_picture(image)
    except UnidentifiedImageError:
        raise UserError(f"{name} is not a picture; give a JPEG, PNG, WebP, BMP or TIFF") from None
    except Image.DecompressionBombError:
        raise UserError(f"{name} is too large to decode safely; shrink it first") from None
    except FileNotFoundError:
        raise UserError(f"{name} does not exist; check the path") from None
    except IsADirectoryError:
        raise UserError(f"{name} is a folder; give a picture file") from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise UserError(f"{name} cannot be read ({error}); save it again as PNG or JPEG") from None
    height, width = picture.size
    if min(height, width) < min_side:
        raise UserError(
            f"{name} is {width}x{height} pixels; give one of at least {min_side}x{min_side}"
        )
    return picture


def _to_picture(image: Image.Image) -> Picture:
    profile = image.info.get("icc_profile")
    image = ImageOps.exif_transpose(image)
    alpha = None
    if image.has_transparency_data:
        image = image.convert("RGBA")
        alpha = np.asarray(image.getchannel("A"))
        image = image.convert("RGB")
    elif image.mode.startswith(("I", "F")):
        image = _to_8_bit(image)
    if profile and image.mode in ("RGB", "CMYK", "L"):
        image = _to_srgb(image, profile)
    return Picture(np.asarray(image.convert("RGB")), alpha)


def _to_8_bit(image: Image.Image) -> Image.Image:
    """16-bit grey → 8-bit, full range to full range; a float picture is taken as [0, 1]."""
    values = np.asarray(image, dtype=np.float64)
    scaled = values * 255 if image.mode == "F" else values / 257
    return Image.fromarray(np.clip(np.round(scaled), 0, 255).astype(np.uint8))


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Colours of `image` from its own profile to sRGB; a broken profile is ignored."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(image, source, _SRGB, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return image
    return converted or image


def output_suffix(source: Path, picture: Picture) -> str:
    """The suffix to save a result under: that of `source` where it can hold the picture."""
    suffix = source.suffix.lower()
    file_format = _WRITABLE.get(suffix)
    if file_format is None or (picture.alpha is not None and file_format not in _KEEPS_ALPHA):
        return ".png"
    return suffix


def write_picture(picture: Picture, path: Path) -> None:
    """Save `picture` as the format that the suffix of `path` names, atomically.

    Raises:
        UserError: the suffix is unknown, the format cannot hold the picture's transparency,
            or the file cannot be written.
    """
    file_format = _WRITABLE.get(path.suffix.lower())
    if file_format is None:
        known = " ".join(sorted(_WRITABLE))
        raise UserError(f"{path} has no picture suffix stylenet can write; use one of {known}")
    if picture.alpha is not None and file_format not in _KEEPS_ALPHA:
        raise UserError(f"{path} cannot hold transparency; save as .png, .webp or .tif")
    image = Image.fromarray(picture.rgb)
    if picture.alpha is not None:
        image.putalpha(Image.fromarray(picture.alpha))
    options = {"quality": 95} if file_format in ("JPEG", "WEBP") else {}
    write_atomically(path, lambda file: image.save(file, format=file_format, **options))


def write_atomically(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Let `write` fill a file that appears at `path` whole or not at all.

    Raises:
        UserError: the folder cannot be made or the file not written (no permission, disk full).
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as file:
            temporary = Path(file.name)
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except BaseException as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise UserError(
                f"cannot write {path} ({reason(error)}); free space or choose another place"
            ) from None
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
