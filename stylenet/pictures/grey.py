"""Grey pictures of 8 or 16 bits. They keep their depth, although nets give 8-bit pictures."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage.metrics import structural_similarity

from stylenet.pictures.color import luma, to_floats
from stylenet.pictures.decoding import decoding_errors, opened, orientation
from stylenet.pictures.images import Bytes, upright, write_atomically
from stylenet.pictures.loading import load
from stylenet.pictures.resizing import resize_longer_side
from stylenet.pictures.tiff import full_range
from stylenet.system.errors import UserError

Grey = NDArray[np.unsignedinteger[Any]]
"""uint8 or uint16, (H, W)."""

_FORMATS = {".png": "PNG", ".tif": "TIFF", ".tiff": "TIFF"}
"""The formats that hold 16 bits, by suffix."""


def read_grey(path: Path) -> Grey | None:
    """The values (H, W) of a grey picture, EXIF orientation applied; None for a colour picture.

    Black is 0 and white is the largest value of the type, whatever the scale of the file.

    Raises:
        UserError: in the same cases as `read_picture`.
    """
    with decoding_errors(path), opened(path, path) as image:
        image = load(image)
        lies = orientation(image)
        if image.mode.startswith(("I", "F")):
            return upright(np.asarray(full_range(image, path)), lies)
        return upright(np.asarray(image.convert("L")), lies) if image.mode in ("1", "L") else None


def resize_grey(grey: Grey, longer_side: int) -> Grey:
    """Scale (H, W), up or down, until its longer side has `longer_side` pixels."""
    scaled = resize_longer_side(grey.astype(np.float32), longer_side)
    full = np.iinfo(grey.dtype).max
    return np.clip(np.round(scaled), 0, full).astype(grey.dtype)


def apply_change(grey: Grey, before: Bytes, after: Bytes) -> Grey:
    """Add the change of lightness from `before` to `after` to `grey` (H, W).

    `grey` keeps its full depth: an unchanged picture comes back bit for bit.

    Args:
        before, after: uint8 (H, W, 3).
    """
    full = np.iinfo(grey.dtype).max
    change = (luma(to_floats(after)) - luma(to_floats(before))).astype(np.float64) * full
    return np.clip(np.round(grey + change), 0, full).astype(grey.dtype)


def similarity(grey: Grey, other: Grey) -> float:
    """SSIM of two pictures (H, W) of equal depth (Wang et al. 2004, with their Gaussian window)."""
    full = int(np.iinfo(grey.dtype).max)
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    ssim: Any = structural_similarity
    return float(ssim(grey, other, data_range=full, **options))


def write_grey(grey: Grey, path: Path) -> None:
    """Save (H, W) as PNG or TIFF, atomically.

    Raises:
        UserError: the suffix is of another format, or the file cannot be written.
    """
    name = _FORMATS.get(path.suffix.lower())
    if name is None:
        raise UserError(f"{path} may not hold all bits of a grey picture; use .png or .tif")
    encoded = io.BytesIO()
    Image.fromarray(grey).save(encoded, format=name)
    write_atomically(path, lambda file: file.write(encoded.getbuffer()))
