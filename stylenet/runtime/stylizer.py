"""From a photo to its stylised picture: read, resize, run, mix."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from stylenet.color import Floats, blend, preserve_color, to_bytes, to_floats
from stylenet.errors import UserError
from stylenet.images import Bytes, Picture, read_picture, resize, to_picture
from stylenet.memory import out_of_memory_names
from stylenet.runtime.session import MIN_SIDE, Session

Net = Callable[[Bytes], Floats]
"""uint8 (H, W, 3) → float32 (H, W, 3) in [0, 1]."""


class Stylizer:
    """What happens to each photo.

    Args:
        model: an exported ``.onnx`` file, or any `Net`.
        size: longer side of the results in pixels; None keeps the photo's.
        preserve_color: keep the colours of the photo; only light and dark are stylised.
        strength: from 0, the photo, to 1, fully stylised.

    Raises:
        UserError: the model cannot be opened.
    """

    def __init__(
        self,
        model: str | Path | Net,
        size: int | None = None,
        preserve_color: bool = False,
        strength: float = 1.0,
    ) -> None:
        self.net: Net = Session(model) if isinstance(model, str | Path) else model
        self.size = size
        self.preserve_color = preserve_color
        self.strength = strength

    def __call__(self, photo: str | Path | Image.Image | Bytes) -> Picture:
        """The stylised picture, with the photo's transparency.

        Args:
            photo: a file, a Pillow image, or uint8 RGB (H, W, 3).

        Raises:
            UserError: the photo cannot be read, is too small, or needs too much memory.
        """
        name = photo if isinstance(photo, str | Path) else "the photo"
        with out_of_memory_names(name, "give --size, or a smaller one"):
            picture = _picture(photo)
            if self.size is not None:
                picture = resize(picture, self.size)
            height, width = picture.size
            if min(height, width) < MIN_SIDE:
                raise UserError(
                    f"{name} becomes {width}x{height}; the net needs at least "
                    f"{MIN_SIDE}x{MIN_SIDE}, give a larger --size"
                )
            return Picture(self._stylize(picture.rgb), picture.alpha)

    def _stylize(self, rgb: Bytes) -> Bytes:
        photo, stylized = to_floats(rgb), self.net(rgb)
        if self.preserve_color:
            stylized = preserve_color(photo, stylized)
        return to_bytes(blend(photo, stylized, self.strength))


def _picture(photo: str | Path | Image.Image | Bytes) -> Picture:
    if isinstance(photo, str | Path):
        return read_picture(Path(photo), min_side=MIN_SIDE)
    if isinstance(photo, Image.Image):
        return to_picture(photo)
    if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] != 3:
        raise UserError(f"the photo is uint8 RGB (H, W, 3), not {photo.dtype} {photo.shape}")
    return Picture(photo)
