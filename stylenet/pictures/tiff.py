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
_MOST, _SAMPLES = _NAMED["MaxSampleValue"], _NAMED["SamplesPerPixel"]
_ORIENTATION, _SUBFILE_TYPE, _PROFILE = _NAMED["Orientation"], _NAMED["NewSubfileType"], 34675

_REDUCED_OR_MASK = 1 | 4  # NewSubfileType of thumbnails and of masks (TIFF 6, p. 36)
_UNSIGNED, _SIGNED, _FLOAT = 1, 2, 3
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _CMYK = 0, 1, 2, 5
_STORED, _DEFLATED = 1, (8, 32946)
_PREDICTORS = (1, 2)  # none, and differences: others need a package that few have
_UNSPECIFIED, _PREMULTIPLIED, _STRAIGHT = 0, 1, 2  # of a sample beside the colours
_MODES = {  # Pillow's, by the number of colours and the sample beside them
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
    """Whether Pillow gives other values than the file holds, or takes a sound file for damaged."""
    tags, packed = image.tag_v2, image.use_load_libtiff
    bits, formats = max(tags.get(_BITS, (1,))), set(tags.get(_FORMAT, (_UNSIGNED,)))
    if formats != {_UNSIGNED}:
        swapped = packed and tags.prefix == b"MM"  # twice: by libtiff, and by Pillow again
        return formats != {_FLOAT} or bits != 32 or swapped
    if bits > 16 or (bits == 16 and len(image.getbands()) > 1 and _holds_fewer_bits(image)):
        return True
    if tags.get(_PLANES, 1) != 2 or len(image.getbands()) == 1:
        return False
    plain = packed and tags.get(_SAMPLES) == len(image.getbands())
    return bits == 16 or image.mode in ("LA", "La") or (image.mode == "RGBA" and not plain)


def _holds_fewer_bits(image: TiffImageFile) -> bool:
    bits: int = max(image.tag_v2.get(_BITS, (1,)))
    return _depth(bits, image.tag_v2.get(_MOST)) < bits


def _depth(bits: int, most: object) -> int:
    """Bits of a sample that count: of `bits` those that its greatest value, by the tag, needs."""
    told = int(np.max(most)) if isinstance(most, int | tuple) and np.size(most) else 0
    return min(bits, told.bit_length()) or bits


def full_range(image: Image.Image, name: object) -> Image.Image:
    """Scale grey values of more than 8 bits, and floats, to ``I;16`` from black to white.

    Raises:
        UserError: most of the floats lie outside [0, 1], or integers leave most bits unused.
    """
    bits, depth, inverted = 16, 16, False
    if isinstance(image, TiffImageFile):
        bits = max(image.tag_v2.get(_BITS, (16,)))
        depth = _depth(bits, image.tag_v2.get(_MOST))
        inverted = image.tag_v2.get(_PHOTOMETRIC) == _WHITE_IS_ZERO
    elif image.mode == "I;16":
        return image
    values = np.asarray(image)
    if image.mode == "I":
        values = values.clip(0, 65535).astype(np.uint16)
    depth = _check_values(values, bits, depth, name, refused=isinstance(image, TiffImageFile))
    if image.mode == "I;16" and depth == 16 and not inverted:
        return image
    wide = Image.fromarray(_as_16_bits(values, depth, inverted))
    wide.info.update(image.info)
    return wide


def check_colours(image: Image.Image, name: object) -> None:
    """Refuse colours of 16 bits, of which Pillow has kept the high byte, that would be black.

    Raises:
        UserError: they leave most bits unused.
    """
    if not isinstance(image, TiffImageFile) or image.mode not in ("RGB", "RGBX", "RGBA"):
        return
    if max(image.tag_v2.get(_BITS, (1,))) == 16:
        lightest = int(np.max(image.getextrema()[:3]))
        if (lightest + 1) * _HEADROOM <= 256:
            raise _black(name, f"at most {lightest * 256 + 255}", 65535)


def _as_16_bits(values: NDArray[Any], depth: int, inverted: bool) -> Wide:
    """Black to white as 0 to 65535; integers have `depth` bits that count."""
    wide = np.empty(values.shape, np.uint16)
    for rows, target in zip(_strips(values), _strips(wide), strict=True):
        if values.dtype.kind == "f":
            known = np.nan_to_num(rows.astype(np.float64), nan=0.0, posinf=1.0, neginf=0.0)
            target[:] = np.rint(known.clip(0, 1) * 65535)
        elif depth > 16:
            target[:] = rows >> (depth - 16)
        else:
            most = 2**depth - 1
            target[:] = (rows.astype(np.uint32) * 65535 + most // 2) // most
    return 65535 - wide if inverted else wide


def _check_values(
    values: NDArray[Any], bits: int, depth: int, name: object, *, refused: bool
) -> int:
    """The bits that count, `depth` unless values have more; if `refused`, none may be black."""
    if values.dtype.kind == "f":
        _check_floats(values, name)
        return bits
    lightest = int(values.max(initial=0))
    depth = depth if lightest < 2**depth else bits
    if refused and depth > 8 and 0 < lightest * _HEADROOM < 2**depth - 1:
        raise _black(name, lightest, 2**depth - 1)
    return depth


def _black(name: object, lightest: int | str, most: int) -> UserError:
    """The error for values that leave most of their bits unused."""
    return UserError(
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
        bits, ink = found.bitspersample, found.photometric == _CMYK
        depth = _depth(bits, found.tags.valueof(_MOST))
        depth = _check_values(_colours(values, found), bits, depth, name, refused=not ink)
        image = _image(_as_16_bits(values, depth, inverted), found)
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
    if page.predictor not in _PREDICTORS:
        raise UserError(f"{name} holds predicted {samples}; save it uncompressed, or as 8 bits")
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


class TooLargeError(UserError):
    """A picture that takes more memory to decode than allowed."""


def too_large(name: object) -> TooLargeError:
    """The error for a picture that takes more memory than allowed."""
    return TooLargeError(f"{name} is too large to decode safely; shrink it first")


def _colour_count(page: tifffile.TiffPage) -> int:
    return {_RGB: 3, _CMYK: 4}.get(int(page.photometric), 1)


def _colours(values: NDArray[Any], page: tifffile.TiffPage) -> NDArray[Any]:
    """Samples without those beside the colours: (H, W) or (H, W, C)."""
    return values if values.ndim == 2 else values[..., : _colour_count(page)]


def _image(wide: Wide, page: tifffile.TiffPage) -> Image.Image:
    """Convert samples to Pillow's depth: 16 bits for grey, 8 bits for colours."""
    if wide.ndim == 2:
        return Image.fromarray(wide)
    colours = _colour_count(page)
    extra = int(page.extrasamples[0]) if page.extrasamples and colours < 4 else _UNSPECIFIED
    mode = _MODES[colours][extra if extra in (_PREMULTIPLIED, _STRAIGHT) else _UNSPECIFIED]
    bands = len(mode)
    eight = np.empty((*wide.shape[:2], bands), np.uint8)
    for rows, target in zip(_strips(wide), _strips(eight), strict=True):
        target[:] = (rows[..., :bands].astype(np.uint32) + 128) // 257
    size = eight.shape[1], eight.shape[0]
    image = Image.frombytes(mode, size, eight.tobytes())
    return image.convert(mode.upper()) if mode != mode.upper() else image
