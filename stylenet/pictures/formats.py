"""Formats of picture files: readable, writable, and unreadable but reported."""

from __future__ import annotations

from pathlib import Path

from stylenet.system.errors import UserError

DECODERS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF", "JPEG2000")
"""Pillow's names of the decoders that are tried. No other is: EPS, for one, runs Ghostscript."""

READABLE = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
        *(".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif"),
        *(".jp2", ".j2k", ".j2c", ".jpf", ".jpx"),
    }
)
"""Suffixes of the pictures that a search of a folder finds."""

UNREADABLE = frozenset(
    {
        *(".heic", ".heif", ".hif", ".jxl", ".avifs", ".apng"),
        *(".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".iiq", ".kdc", ".mef"),
        *(".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2"),
        *(".srf", ".srw", ".x3f"),
        *(".psd", ".psb", ".xcf", ".kra", ".svg", ".eps", ".ai", ".pdf", ".dcm", ".exr", ".hdr"),
        *(".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".ico", ".pcx", ".dds", ".qoi", ".sgi", ".fits"),
    }
)
"""Suffixes of pictures that stylenet cannot read. A search reports how many it left out."""

_WRITABLE = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jpe": "JPEG",
    ".jfif": "JPEG",
    ".png": "PNG",
    ".webp": "WEBP",
    ".bmp": "BMP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}
_KEEPS_ALPHA = frozenset({"PNG", "WEBP", "TIFF"})


def file_format(path: Path, *, transparent: bool) -> str:
    """Pillow's name for the format that the suffix of `path` names.

    Raises:
        UserError: the suffix is unknown, or the format cannot hold the transparency asked for.
    """
    name = _WRITABLE.get(path.suffix.lower())
    if name is None:
        known = " ".join(sorted(_WRITABLE))
        raise UserError(f"{path} has no picture suffix stylenet can write; use one of {known}")
    if transparent and name not in _KEEPS_ALPHA:
        raise UserError(f"{path} cannot hold transparency; save as .png, .webp or .tif")
    return name
