"""Stroke size: stylise a smaller or larger copy of a picture, then scale the result back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from stylenet.pictures.color import luma, to_bytes, to_floats
from stylenet.pictures.images import Bytes
from stylenet.pictures.resizing import resized
from stylenet.pictures.sides import MIN_SIDE
from stylenet.runtime.clips import ClipNet, per_frame
from stylenet.system.errors import UserError


def with_strokes(net: Callable[[Bytes], Bytes], photo: Bytes, scale: float) -> Bytes:
    """Stylise `photo` with strokes `scale` times as large as the net's own.

    The net sees the photo at 1 / `scale` of its size. With a `scale` above 1, this copy lacks the
    finest levels of the photo's Laplacian pyramid (Burt & Adelson 1983). Their luma is added to
    the result: detail comes from the photo, colour and strokes come from the net.

    Args:
        photo: uint8 (H, W, 3). scale: limited so that the net sees sides of 32 pixels or more.
    """
    scale = min(scale, min(photo.shape[:2]) / MIN_SIDE)
    if scale == 1:
        return net(photo)
    height, width = photo.shape[:2]
    small = max(MIN_SIDE, round(height / scale)), max(MIN_SIDE, round(width / scale))
    inner = resized(photo, small)
    stylized = resized(net(inner), (height, width))
    if scale < 1:
        return stylized
    fine = luma(to_floats(photo)) - luma(to_floats(resized(inner, (height, width))))
    return to_bytes(np.clip(to_floats(stylized) + fine[..., None], 0, 1))


def clip_with_strokes(clip: ClipNet, net: Callable[[Bytes], Bytes], scale: float) -> ClipNet:
    """A net for clips, with strokes as in `with_strokes`.

    Args:
        clip: the net for clips. net: the same net for photos.

    Raises:
        UserError: the net looks beyond a frame, and `scale` is not 1.
    """
    if scale == 1:
        return clip
    if clip.recurrent or clip.receptive_radius:
        raise UserError("--stroke-scale on a clip is for per-frame nets; leave it out")
    return per_frame(lambda rgb: with_strokes(net, rgb, scale))
