"""Writing clips: the container of each suffix, and an encoder with exact times of frames."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from stylenet.pictures.images import Bytes
from stylenet.runtime.colours import tag, to_frame
from stylenet.runtime.ffmpeg import TEXTS, local, open_av, words
from stylenet.runtime.frames import Look
from stylenet.system.errors import UserError


@dataclass(frozen=True)
class Codec:
    """An encoder of FFmpeg: its name and its options."""

    name: str
    options: dict[str, str]


_H264 = Codec("libx264", {"crf": "17", "bf": "0", "x264-params": "force-cfr=1"})
"""Visually lossless. Frames are not reordered (``bf``), so parts join by copying packets. Without
``force-cfr`` x264 announces its time unit as the frame rate: 1000 frames a second for a .mkv."""

_VP9 = Codec(
    "libvpx-vp9",
    {"crf": "18", "b": "0", "lag-in-frames": "0", "deadline": "good", "cpu-used": "4"},
)
"""The codec of .webm, which cannot hold H.264."""


@dataclass(frozen=True)
class Container:
    """A file format for clips.

    name: its name in FFmpeg. codec: encodes the pictures. square: whether pixels must be square.
    sound: encodes sound that the format cannot hold as it is. Without it, such sound is refused.
    """

    name: str
    codec: Codec = _H264
    square: bool = False
    sound: str | None = None


CONTAINERS = {
    ".mp4": Container("mp4"),
    ".mov": Container("mov"),
    ".m4v": Container("ipod"),
    ".mkv": Container("matroska"),
    ".webm": Container("webm", _VP9, square=True, sound="libopus"),
}


def check_target(target: Path, clip: Path | None = None) -> None:
    """Check that a clip can be written to `target`.

    Args:
        clip: the clip that is read; it must not be overwritten.

    Raises:
        UserError: the suffix is unknown, or `target` is a folder or the clip itself.
    """
    if target.suffix.lower() not in CONTAINERS:
        known = " ".join(CONTAINERS)
        raise UserError(f"{target} is no clip that stylenet can write; use one of {known}")
    if target.is_dir():
        raise UserError(f"{target} is a folder; give the name of a file in it")
    if clip and target.exists() and clip.exists() and target.samefile(clip):
        raise UserError(f"{target} would be replaced by its own result; choose another output")


def container_of(target: Path) -> Container:
    """The container that the suffix of a checked target names."""
    return CONTAINERS[target.suffix.lower()]


@contextmanager
def encoder(
    path: Path, like: Bytes, look: Look, target: Path | None = None
) -> Iterator[Callable[[int, Bytes], None]]:
    """Encode a clip into `path`, frame by frame.

    Args:
        like: a frame of the size of the clip. look: its rate, unit, aspect and colours.
        target: the clip that the file becomes a part of; None if the file is the clip itself.

    Yields:
        A function of the time of a frame, in the unit of `look`, and its uint8 (H, W, 3).

    Raises:
        UserError: the file cannot be written.
    """
    target = target or path
    container = container_of(target)
    codec, aspect = container.codec, Fraction(1) if container.square else look.aspect
    height, width = like.shape[0], round(like.shape[1] * look.aspect / aspect)
    even = height % 2 == 0 and width % 2 == 0
    pixel_format = "yuv420p" if even else "yuv444p"  # chroma at half the size needs even sides
    with created(path, target) as out:
        with failing(target):
            stream = out.add_stream(codec.name, rate=look.rate, options=codec.options)
            stream.width, stream.height, stream.pix_fmt = width, height, pixel_format
            stream.codec_context.time_base = stream.time_base = look.unit
            stream.codec_context.sample_aspect_ratio = aspect
            tag(stream.codec_context, look.colours)

        def encode(time: int, rgb: Bytes) -> None:
            with failing(target):
                frame = to_frame(rgb, pixel_format, width, look.colours)
                frame.pts, frame.time_base = time, look.unit
                out.mux(stream.encode(frame))

        yield encode
        with failing(target):
            out.mux(stream.encode())


@contextmanager
def created(path: Path, target: Path) -> Iterator[Any]:
    """A PyAV container to write a file with. The end of the block finishes the file.

    Args:
        target: the clip that messages name.

    Raises:
        UserError: the file cannot be created or finished.
    """
    with failing(target):
        out = open_av().open(local(path), "w", format=container_of(path).name, **TEXTS)
    try:
        yield out
    except BaseException:
        try:
            out.close()
        except open_av().error.FFmpegError:
            pass  # the first error is the one to report
        raise
    with failing(target):
        out.close()


@contextmanager
def failing(target: Path) -> Iterator[None]:
    """Turn FFmpeg's errors in writing a clip into one line.

    Raises:
        UserError: FFmpeg fails.
    """
    try:
        yield
    except open_av().error.FFmpegError as error:
        is_odd = error.errno == errno.EINVAL  # what is to be written, not the place
        mend = (
            "use another suffix, such as .mkv" if is_odd else "free space or choose another place"
        )
        raise UserError(f"cannot write {target} ({words(error)}); {mend}") from None
