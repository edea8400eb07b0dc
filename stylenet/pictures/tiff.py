"""TIFFs that Pillow misreads or rejects: wide samples, signed samples, separate planes."""

from __future__ import annotations

import logging
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffTags
from PIL.TiffImagePlugin import TiffImageFile

from stylenet.system.errors import UserError

if TYPE_CHECKING:
    import tifffile

_NAMED = {tag.name: number for number, tag in TiffTags.TAGS_V2.items()}
_BITS, _FORMAT = _NAMED["BitsPerSample"], _NAMED["SampleFormat"]
_PHOTOMETRIC, _PLANES = _NAMED["PhotometricInterpretation"], _NAMED["PlanarConfiguration"]
_ORIENTATION, _SUBFILE_TYPE, _PROFILE = _NAMED["Orientation"], _NAMED["NewSubfileType"], 34675

_REDUCED_OR_MASK = 1 | 4  # NewSubfileType of thumbnails and of masks (TIFF 6, p. 36)
_UNSIGNED, _SIGNED, _FLOAT = 1, 2, 3
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _CMYK = 0, 1, 2, 5
_STORED, _DEFLATED = 1, (8, 32946)
_UNSPECIFIED, _PREMULTIPLIED, _STRAIGHT = 0, 1, 2  # values of ExtraSamples
_MODES = {  # Pillow's modes, by the number of colours and the kind of extra sample
    1: {_UNSPECIFIED: "L", _PREMULTIPLIED: "La", _STRAIGHT: "LA"},
    3: {_UNSPECIFIED: "RGB", _PREMULTIPLIED: "RGBa", _STRAIGHT: "RGBA"},
    4: {_UNSPECIFIED: "CMYK"},
}
_ROWS = 256
_HEADROOM = 16  # a picture whose lightest value is below 1/16 of white has fewer bits than it says

Wide = NDArray[np.uint16]


def pages(source: Path | IO[bytes]) -> list[int]:
    """The numbers of the pages that are neither thumbnails nor masks."""
    with _file(source) as file:
        kinds = [int(page.tags.valueof(_SUBFILE_TYPE, 0)) for page in map(_page, file.pages)]
    return [n for n, kind in enumerate(kinds) if not kind & _REDUCED_OR_MASK] or [0]


def _file(source: Path | IO[bytes]) -> tifffile.TiffFile:
    try:
        import tifffile  # imported here, as services with few packages need it only for odd files
    except ImportError:
        raise UserError("this kind of TIFF needs tifffile; run pip install tifffile") from None
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # damage shows in the samples
    if not isinstance(source, Path):
        source.seek(0)
    return tifffile.TiffFile(source)


def _page(page: tifffile.TiffPage | tifffile.TiffFrame) -> tifffile.TiffPage:
    return page.aspage()


def beyond_pillow(image: TiffImageFile) -> bool:
    """Whether Pillow silently gives other values than the file holds."""
    tags = image.tag_v2
    bits, formats = max(tags.get(_BITS, (1,))), set(tags.get(_FORMAT, (_UNSIGNED,)))
    if formats != {_UNSIGNED}:
        return formats != {_FLOAT} or bits != 32
    return bits > 16 or (bits == 16 and tags.get(_PLANES, 1) == 2 and len(image.getbands()) > 1)


def full_range(image: Image.Image, name: object) -> Image.Image:
    """Scale grey values of more than 8 bits, and floats, to ``I;16`` from black to white.

    Raises:
        UserError: most of the floats lie outside [0, 1], or the integers are far too dark.
    """
    bits, inverted = 16, False
    if isinstance(image, TiffImageFile):
        bits = max(image.tag_v2.get(_BITS, (16,)))
        inverted = image.tag_v2.get(_PHOTOMETRIC) == _WHITE_IS_ZERO
    if image.mode == "I;16" and bits == 16 and not inverted:
        return image
    values = np.asarray(image)
    if image.mode == "I":
        values = values.clip(0, 65535).astype(np.uint16)
    wide = Image.fromarray(_as_16_bits(values, bits, inverted, name))
    wide.info.update(image.info)
    return wide


def _as_16_bits(values: NDArray[Any], bits: int, inverted: bool, name: object) -> Wide:
    """Scale `values` so that black is 0 and white is 65535."""
    floats = values.dtype.kind == "f"
    _check_floats(values, name) if floats else _check_integers(values, 2**bits - 1, name)
    wide = np.empty(values.shape, np.uint16)
    for rows, target in zip(_strips(values), _strips(wide), strict=True):
        if floats:
            known = np.nan_to_num(rows.astype(np.float64), nan=0.0, posinf=1.0, neginf=0.0)
            target[:] = np.rint(known.clip(0, 1) * 65535)
        elif bits > 16:
            target[:] = rows >> (bits - 16)
        else:
            most = 2**bits - 1
            target[:] = (rows.astype(np.uint32) * 65535 + most // 2) // most
    return 65535 - wide if inverted else wide


def _check_integers(values: NDArray[Any], most: int, name: object) -> None:
    """Refuse values that leave most of their bits unused: the picture would come out black."""
    lightest = int(values.max(initial=0))
    if most != 65535 and 0 < lightest * _HEADROOM < most:
        raise UserError(
            f"{name} is black: its values reach {lightest} of {most}; stretch them, or save it as"
            " 8 bits"
        )


def _check_floats(values: NDArray[Any], name: object) -> None:
    """Refuse floats of which most lie outside [0, 1]."""
    beyond = sum(int(((rows < 0) | (rows > 1)).sum()) for rows in _strips(values))
    if 2 * beyond > values.size:
        least, most = float(np.nanmin(values)), float(np.nanmax(values))
        raise UserError(f"{name} holds floats from {least:.4g} to {most:.4g}; scale them to [0, 1]")


def _strips(values: NDArray[Any]) -> list[NDArray[Any]]:
    return [values[top : top + _ROWS] for top in range(0, len(values), _ROWS)]


def read_samples(source: Path | IO[bytes], name: object, page: int, most_bytes: int) -> Image.Image:
    """Read a page that Pillow misreads, as ``I;16``, ``LA``, ``RGB``, ``RGBA`` or ``CMYK``.

    Orientation and colour profile are stored as Pillow stores them for other formats.

    Raises:
        UserError: the meaning of the samples is unclear, the compression is rare, or the page
            takes more than `most_bytes`. Any other exception means that the page is damaged.
    """
    with _file(source) as file:
        found = _page(file.pages[page])
        _check(found, name, most_bytes)
        values = found.asarray()
        if found.planarconfig == 2 and values.ndim == 3:
            values = np.moveaxis(values, 0, -1)
        inverted = found.photometric == _WHITE_IS_ZERO
        image = _image(_as_16_bits(values, found.bitspersample, inverted, name), found)
        if profile := found.tags.valueof(_PROFILE):
            image.info["icc_profile"] = bytes(profile)
        if orientation := found.tags.valueof(_ORIENTATION):
            exif = Image.Exif()
            exif[_ORIENTATION] = int(orientation)
            image.info["exif"] = exif.tobytes()
        return image


def _check(page: tifffile.TiffPage, name: object, most_bytes: int) -> None:
    kind = page.dtype.kind if page.dtype is not None else "V"
    if kind not in "uf":
        kinds = {"i": "signed integers", "c": "complex numbers"}
        raise UserError(f"{name} holds {kinds.get(kind, 'no numbers')}; save it as 8 or 16 bits")
    samples = f"{page.bitspersample}-bit samples"
    if page.photometric not in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _CMYK) or page.imagedepth > 1:
        raise UserError(f"{name} holds {samples} of an odd kind; save it as PNG or JPEG")
    if page.compression != _STORED and page.compression not in _DEFLATED:
        raise UserError(f"{name} holds compressed {samples}; save it uncompressed, or as 8 bits")
    assert page.dtype is not None
    needed = int(np.prod(page.shape)) * (page.dtype.itemsize + 3)
    if needed + 8 * page.imagewidth * page.imagelength > most_bytes:
        raise too_large(name)
    parts = list(zip(page.dataoffsets, page.databytecounts, strict=True))
    if len(parts) != int(np.prod(page.chunked)) or not all(all(part) for part in parts):
        raise ValueError("parts of it are missing")  # missing parts would come out black
    if page.compression in _DEFLATED:
        _check_deflated(page, name)


def _check_deflated(page: tifffile.TiffPage, name: object) -> None:
    """Refuse parts that unpack to more than their share of the picture."""
    assert page.dtype is not None
    most = int(np.prod(page.chunks)) * page.dtype.itemsize
    for offset, length in zip(page.dataoffsets, page.databytecounts, strict=True):
        page.parent.filehandle.seek(offset)
        packed = page.parent.filehandle.read(length)
        if len(zlib.decompressobj().decompress(packed, most + 1)) > most:
            raise UserError(f"{name} unpacks to more than its size; save it again as PNG")


def too_large(name: object) -> UserError:
    """The error for a picture that takes more memory than allowed."""
    return UserError(f"{name} is too large to decode safely; shrink it first")


def _image(wide: Wide, page: tifffile.TiffPage) -> Image.Image:
    """Convert samples to Pillow's depth: 16 bits for grey, 8 bits for colours."""
    if wide.ndim == 2:
        return Image.fromarray(wide)
    colours = {_RGB: 3, _CMYK: 4}.get(int(page.photometric), 1)
    extra = int(page.extrasamples[0]) if page.extrasamples and colours < 4 else _UNSPECIFIED
    mode = _MODES[colours][extra if extra in (_PREMULTIPLIED, _STRAIGHT) else _UNSPECIFIED]
    bands = len(mode)
    eight = np.empty((*wide.shape[:2], bands), np.uint8)
    for rows, target in zip(_strips(wide), _strips(eight), strict=True):
        target[:] = (rows[..., :bands].astype(np.uint32) + 128) // 257
    size = eight.shape[1], eight.shape[0]
    image = Image.frombytes(mode, size, eight.tobytes())
    return image.convert(mode.upper()) if mode != mode.upper() else image
