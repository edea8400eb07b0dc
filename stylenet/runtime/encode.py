"""Writing clips: what each suffix holds, and an encoder whose times are exact."""

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
    """An encoder of FFmpeg's, by name, and its options."""

    name: str
    options: dict[str, str]


_H264 = Codec("libx264", {"crf": "17", "bf": "0", "x264-params": "force-cfr=1"})
"""Visually lossless; no reordered frames, so that parts join by copying packets. Without
``force-cfr`` the unit of times is what it announces for its rate: 1000 a second of a .mkv."""

_VP9 = Codec(
    "libvpx-vp9",
    {"crf": "18", "b": "0", "lag-in-frames": "0", "deadline": "good", "cpu-used": "4"},
)
"""Of .webm, which holds no H.264."""


@dataclass(frozen=True)
class Container:
    """What a suffix names.

    name: FFmpeg's. codec: what encodes pictures for it. square: whether pixels must be. sound: what
    encodes sound that it cannot hold; without it, such sound is refused.
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
    """Hold a clip to write against what can be written.

    Args:
        clip: what is read, which is not to be replaced.

    Raises:
        UserError: another suffix, a folder, or the clip itself.
    """
    if target.suffix.lower() not in CONTAINERS:
        known = " ".join(CONTAINERS)
        raise UserError(f"{target} is no clip stylenet can write; use one of {known}")
    if target.is_dir():
        raise UserError(f"{target} is a folder; give the name of a file in it")
    if clip and target.exists() and clip.exists() and target.samefile(clip):
        raise UserError(f"{target} would be replaced by its own result; choose another output")


def container_of(target: Path) -> Container:
    """What the suffix of a checked target names."""
    return CONTAINERS[target.suffix.lower()]


@contextmanager
def encoder(
    path: Path, like: Bytes, look: Look, target: Path | None = None
) -> Iterator[Callable[[int, Bytes], None]]:
    """Write a clip: what it gives takes a time, in the look's unit, and uint8 (H, W, 3).

    Args:
        like: a frame of its size. look: its rate, unit, aspect and colours. target: the clip of
            which it becomes a part; None if it is one of its own.

    Raises:
        UserError: the file cannot be written.
    """
    target = target or path
    container = container_of(target)
    codec, aspect = container.codec, Fraction(1) if container.square else look.aspect
    height, width = like.shape[0], round(like.shape[1] * look.aspect / aspect)
    even = height % 2 == 0 and width % 2 == 0
    pixel_format = "yuv420p" if even else "yuv444p"  # half the colours need even sides
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
    """PyAV's container for a file to write; it is finished at the end, unless that comes early.

    Args:
        target: the clip that is named where it fails.

    Raises:
        UserError: the file cannot be made, or finished.
    """
    with failing(target):
        out = open_av().open(local(path), "w", format=container_of(path).name, **TEXTS)
    try:
        yield out
    except BaseException:
        try:
            out.close()
        except open_av().error.FFmpegError:
            pass  # what went wrong before is told
        raise
    with failing(target):
        out.close()


@contextmanager
def failing(target: Path) -> Iterator[None]:
    """Tell in a line that FFmpeg cannot write a clip.

    Raises:
        UserError: it fails.
    """
    try:
        yield
    except open_av().error.FFmpegError as error:
        is_odd = error.errno == errno.EINVAL  # what is to be written, not the place
        mend = (
            "use another suffix, such as .mkv" if is_odd else "free space or choose another place"
        )
        raise UserError(f"cannot write {target} ({words(error)}); {mend}") from None
