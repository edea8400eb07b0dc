"""Clips that tests draw, and how they are read back without stylenet's own reader."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import Any

import av
import numpy as np

from stylenet.runtime.clips import ClipStylizer, per_frame
from stylenet.runtime.stylize_clip import stylize_clip

SIZE = (96, 64)
"""Width and height."""

MATRICES = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}
"""The weights of red and blue in luma, by their number in ITU-T H.273."""


def draw(
    path: Path,
    times: Sequence[int] = range(0, 400, 40),
    unit: Fraction = Fraction(1, 1000),
    *,
    rate: Fraction | int = 25,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    frame: Callable[[int], Any] | None = None,
    size: tuple[int, int] = SIZE,
    options: dict[str, str] | None = None,
    format: str | None = None,
    prepare: Callable[[Any, Any], None] = lambda out, video: None,
    finish: Callable[[Any], None] = lambda out: None,
    **context: Any,
) -> Path:
    """A clip with a frame at each time, by default greys that grow lighter.

    prepare: is given the container and the stream of pictures, before the first frame.
    finish: is given the container, behind the last. context: of the encoder.
    """
    with av.open(str(path), "w", format=format) as out:
        video = out.add_stream(codec, rate=rate, options=options or {})
        video.width, video.height = size
        video.pix_fmt = pixel_format
        video.codec_context.time_base = unit
        for name, value in context.items():
            setattr(video.codec_context, name, value)
        prepare(out, video)
        for number, time in enumerate(times):
            drawn = frame(number) if frame else np.full((size[1], size[0], 3), 20 + 3 * number)
            if isinstance(drawn, np.ndarray):
                drawn = av.VideoFrame.from_ndarray(drawn.astype(np.uint8), format="rgb24")
            drawn.pts, drawn.time_base = time, unit
            out.mux(video.encode(drawn))
        out.mux(video.encode())
        finish(out)
    return path


def unchanged() -> ClipStylizer:
    """What strength 0 makes: the frames themselves."""
    return ClipStylizer(per_frame(lambda rgb: rgb))


def interrupted(net: Callable[..., Any], at: int | None) -> Callable[..., Any]:
    """`net`, whose user presses Ctrl-C at its call number `at`, from 1; never if None."""
    calls = count(1)

    def run(*arguments: Any) -> Any:
        if next(calls) == at:
            raise KeyboardInterrupt
        return net(*arguments)

    return run


def kept(clip: Path, target: Path) -> list[str]:
    """Write the frames of `clip` as they are into `target`; the warnings."""
    warnings: list[str] = []
    stylize_clip(clip, target, unchanged(), {}, warn=warnings.append)
    return warnings


def decoded(path: Path) -> list[Any]:
    """FFmpeg's frames of a clip."""
    with av.open(str(path)) as clip:
        return list(clip.decode(video=0))


def planes(frame: Any) -> np.ndarray:
    """YCbCr of an 8-bit frame, (H, W, 3), from its planes, with none of libswscale."""
    height, width = frame.height, frame.width
    full = []
    for plane in frame.planes:
        rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[:, : plane.width]
        rows = rows.repeat(-(-height // rows.shape[0]), 0).repeat(-(-width // rows.shape[1]), 1)
        full.append(rows[:height, :width])
    return np.stack(full, -1)


def shown(frame: Any) -> np.ndarray:
    """RGB (H, W, 3) of an 8-bit YCbCr frame, by the formulas of H.273 for its own tags."""
    red, blue = MATRICES[frame.colorspace]
    y, u, v = np.moveaxis(planes(frame).astype(float), -1, 0)
    y, u, v = (y - 16) / 219, (u - 128) / 224, (v - 128) / 224
    assert frame.color_range == 1
    r, b = y + 2 * (1 - red) * v, y + 2 * (1 - blue) * u
    g = (y - red * r - blue * b) / (1 - red - blue)
    return np.clip(np.stack([r, g, b], -1) * 255, 0, 255)


def coded(rgb: Sequence[int], matrix: int, *, full: bool, pixel_format: str, size=SIZE) -> Any:
    """A frame of one colour, by the formulas of H.273; 8 or 10 bits, 4:2:0 or 4:4:4."""
    red, blue = MATRICES[matrix]
    r, g, b = np.array(rgb) / 255
    y = red * r + (1 - red - blue) * g + blue * b
    chroma = np.array([(b - y) / 2 / (1 - blue), (r - y) / 2 / (1 - red)])
    deep = pixel_format.endswith("10le")
    values = [y * 255, *(128 + 255 * chroma)] if full else [16 + 219 * y, *(128 + 224 * chroma)]
    frame = av.VideoFrame(*size, pixel_format)
    for plane, value in zip(frame.planes, values, strict=True):
        number = round(value * 4) if deep else round(value)
        kind = np.uint16 if deep else np.uint8
        plane.update(np.full(plane.buffer_size // kind().itemsize, number, kind))
    return frame
