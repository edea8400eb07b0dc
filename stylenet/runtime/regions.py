"""Regions: masks say where a picture is stylised, and by which of several nets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from glob import escape
from itertools import repeat
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from PIL.Image import Resampling

from stylenet.pictures.amounts import MAX_FEATHER
from stylenet.pictures.color import luma, to_bytes, to_floats
from stylenet.pictures.formats import READABLE
from stylenet.pictures.images import Bytes, Picture, read_picture
from stylenet.pictures.resizing import resized
from stylenet.runtime.frames import SUFFIXES, clip_frames
from stylenet.runtime.preprocess import Photo, check_range
from stylenet.system.errors import UserError

Grey = NDArray[np.uint8]
"""(H, W), from 0 to 255."""


@dataclass(frozen=True)
class Mask:
    """The region of one style.

    path: a grey picture of any size, which is stretched over the photo; or a folder of such
        pictures, each named as its photo, with any suffix; or, for a clip, a clip of masks.
    keep: whether white marks the region that stays the photo, not the region that is stylised.
    """

    path: Path
    keep: bool = False

    def of(self, photo: Photo) -> Grey:
        """The mask for `photo`; white is stylised.

        Raises:
            UserError: the photo has no mask, or the mask is no picture.
        """
        return self.grey(read_picture(self._file(photo)))

    def frames(self) -> Iterator[Grey]:
        """A mask for each frame of a clip, without end: the last mask is repeated.

        Raises:
            UserError: the mask is neither a picture nor a clip.
        """
        if self.path.is_dir():
            raise UserError(f"{self.path} is a folder; give one mask, a picture or a clip")
        if self.path.suffix.lower() not in SUFFIXES:
            yield from repeat(self.grey(read_picture(self.path)))
        grey = None
        for rgb in clip_frames(self.path):
            grey = self.grey(Picture(rgb))
            yield grey
        if grey is None:
            raise UserError(f"{self.path} has no frame that can be decoded; convert it to H.264")
        yield from repeat(grey)

    def grey(self, picture: Picture) -> Grey:
        """The mask of a picture: light, opaque pixels are white. `keep` inverts it."""
        white = luma(to_floats(picture.rgb))
        if picture.alpha is not None:
            white = white * to_floats(picture.alpha)
        return to_bytes(1 - white if self.keep else white)

    def _file(self, photo: Photo) -> Path:
        if not self.path.is_dir():
            return self.path
        if not isinstance(photo, str | Path):
            raise UserError(f"{self.path} is a folder, for photos by name; give one mask picture")
        name = Path(photo).stem
        named = sorted(self.path.glob(f"{escape(name)}.*"))
        found = [path for path in named if path.suffix.lower() in READABLE]
        if not found:
            raise UserError(f"{self.path} has no mask for {photo}; add {name}.png")
        return found[0]


def cover(mask: Grey, size: tuple[int, int], feather: float) -> NDArray[np.float32]:
    """How much of each pixel is stylised: (H, W, 1) in [0, 1].

    The mask is stretched over the photo, then blurred by a Gaussian. A hard edge fades almost
    entirely within `feather` pixels on either side.

    Args:
        size: height and width of the photo. feather: two standard deviations, in pixels.

    Raises:
        UserError: a feather that is not between 0 and `MAX_FEATHER`.
    """
    check_range("feather", feather, 0, MAX_FEATHER)
    stretched = Image.fromarray(resized(mask, size, Resampling.BILINEAR))
    faded = stretched.filter(ImageFilter.GaussianBlur(feather / 2))
    return np.asarray(faded, dtype=np.float32)[..., None] / np.float32(255)


def compose(photo: Bytes, layers: Sequence[tuple[Bytes, NDArray[np.float32]]]) -> Bytes:
    """Lay stylised pictures over the photo, each with its cover.

    Where covers add up to more than 1, they are divided by their sum. Where they add up to less,
    the photo shows through.

    Args:
        photo: uint8 (H, W, 3). layers: pictures, uint8 (H, W, 3), and their covers, (H, W, 1) in
            [0, 1].
    """
    covers = np.sum([cover for _, cover in layers], axis=0)
    crowd = np.maximum(covers, 1)
    mixed = (1 - covers / crowd) * to_floats(photo)
    for picture, cover in layers:
        mixed += cover / crowd * to_floats(picture)
    return to_bytes(np.clip(mixed, 0, 1))
