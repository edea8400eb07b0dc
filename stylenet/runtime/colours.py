"""Conversion between YCbCr and RGB, by the colour tags of a clip.

Tags are numbered as in ITU-T H.273 and in FFmpeg. libswscale converts. It follows the tags of each
frame, so missing tags are set first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from stylenet.pictures.images import Bytes
from stylenet.runtime.ffmpeg import open_av
from stylenet.runtime.hdr import tone_map

_BT709, _BT470BG, _SMPTE170M, _SMPTE240M, _BT2020 = 1, 5, 6, 7, 9
_UNSAID = frozenset({0, 2, 3})
"""Tags that say nothing: unspecified (2), reserved (3), and 0, which means RGB for a matrix."""

_TO_SWSCALE = {_BT709: 1, 4: 4, _BT470BG: 5, _SMPTE170M: 5, _SMPTE240M: 7, _BT2020: 9}
"""Matrix in H.273 → number of the same matrix in libswscale."""

_LIMITED = 1

HDR = {16: "PQ", 18: "HLG"}
"""Tags of HDR transfer functions → their names. HDR is brighter than a usual screen."""


@dataclass(frozen=True)
class Colours:
    """Tags of a clip: the matrix between RGB and YCbCr, the primaries, the transfer function."""

    matrix: int
    primaries: int
    transfer: int

    @property
    def written(self) -> Colours:
        """The tags of the result: the same ones. HDR and unknown matrices become BT.709."""
        return REC709 if self.transfer in HDR or self.unknown else self

    @property
    def unknown(self) -> bool:
        """Whether libswscale lacks the matrix. The clip is then read as BT.709."""
        return self.matrix not in _TO_SWSCALE


REC709 = Colours(_BT709, 1, 1)


def colours_of(frame: Any) -> Colours:
    """The tags of a decoded frame.

    Missing tags are guessed as players guess them: BT.709 in HD, BT.601 below.
    """
    matrix, primaries = frame.colorspace, frame.color_primaries
    transfer = frame.color_trc
    if frame.format.is_rgb:
        matrix = _BT709
    if matrix in _UNSAID:
        large = frame.width >= 1280 or frame.height >= 720
        matrix = _BT2020 if transfer in HDR else _BT709 if large else _SMPTE170M
    if primaries in _UNSAID:
        primaries = matrix if matrix in _TO_SWSCALE else _BT709
    if transfer in _UNSAID:
        usual = {_SMPTE240M: _SMPTE240M, _BT2020: 14, _BT470BG: _SMPTE170M, _SMPTE170M: _SMPTE170M}
        transfer = usual.get(matrix, _BT709)
    return Colours(matrix, primaries, transfer)


def lost_colours(frame: Any) -> list[str]:
    """Colour features of a frame that a stylised clip cannot hold, in words."""
    colours, found = colours_of(frame), []
    if colours.transfer in HDR:
        found.append(f"HDR ({HDR[colours.transfer]}, tone-mapped)")
    if colours.unknown:
        found.append(f"colours (YCbCr matrix {colours.matrix}, taken for BT.709)")
    if _has_alpha(frame):
        found.append("transparency (black behind it)")
    return found


def to_rgb(frame: Any) -> Bytes:
    """Convert a decoded frame of any pixel format to uint8 (H, W, 3), blended over black."""
    colours = colours_of(frame)
    if not frame.format.is_rgb:
        frame.colorspace = _BT709 if colours.unknown else colours.matrix
    if colours.transfer in HDR:
        values = _converted(frame, "rgb48le").to_ndarray()
        return tone_map(values, HDR[colours.transfer], colours.primaries)
    if _has_alpha(frame):
        rgba = _converted(frame, "rgba").to_ndarray().astype(np.uint16)
        rgb: Bytes = ((rgba[..., :3] * rgba[..., 3:] + 127) // 255).astype(np.uint8)
    else:
        rgb = _converted(frame, "rgb24").to_ndarray()
    return rgb


def to_frame(rgb: Bytes, pixel_format: str, width: int, colours: Colours) -> Any:
    """Convert uint8 (H, W, 3) to a frame to encode, in limited range, scaled to `width`."""
    frame = open_av().VideoFrame.from_ndarray(rgb, format="rgb24")
    tags = {"dst_colorspace": _TO_SWSCALE[colours.matrix], "dst_color_range": _LIMITED}
    return _converted(frame, pixel_format, width=width, **tags)


def tag(context: Any, colours: Colours) -> None:
    """Write the tags `colours` into what an encoder makes."""
    context.colorspace, context.color_primaries = colours.matrix, colours.primaries
    context.color_trc, context.color_range = colours.transfer, _LIMITED


def _has_alpha(frame: Any) -> bool:
    return any(component.is_alpha for component in frame.format.components)


def _converted(frame: Any, pixel_format: str, **more: int) -> Any:
    """Convert by libswscale, exact to half a grey level. Its default errs by up to three levels."""
    scaling = open_av().video.reformatter
    exact = scaling.Interpolation
    flags = exact.BILINEAR | exact.ACCURATE_RND | exact.FULL_CHR_H_INT
    convert = scaling.VideoReformatter().reformat
    return convert(frame, format=pixel_format, interpolation=flags, threads=1, **more)
