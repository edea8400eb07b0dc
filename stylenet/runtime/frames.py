"""The frames of a clip, as a player shows them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from stylenet.errors import UserError
from stylenet.images import Bytes

SUFFIXES = frozenset({".mp4", ".mov", ".mkv", ".m4v", ".avi", ".webm"})
"""Of the clips that are read."""

Frame = tuple[int, Bytes]
"""Presentation time in the stream's own unit, and uint8 (H, W, 3)."""


def clip_frames(clip: Path) -> Iterator[Bytes]:
    """The frames of a clip as a player shows them, uint8 (H, W, 3).

    Raises:
        UserError: no clip, no picture in it, or a damaged one.
    """
    with opened(clip) as source:
        for _, rgb in upright(clip, source, pictures(clip, source)):
            yield rgb


def open_av() -> Any:
    """PyAV's module.

    Raises:
        UserError: it is not installed.
    """
    try:
        import av
    except ImportError:
        raise UserError("clips need PyAV; run pip install 'stylenet[video]'") from None
    return av


def opened(clip: Path) -> Any:
    """PyAV's container of a clip.

    Raises:
        UserError: PyAV is missing, or it is no clip.
    """
    av = open_av()
    try:
        return av.open(str(clip))
    except (OSError, ValueError) as error:  # PyAV's errors are of both kinds
        detail = getattr(error, "strerror", None) or error
        raise UserError(f"cannot open {clip} ({detail}); give a clip such as .mp4") from None


def pictures(clip: Path, source: Any) -> Any:
    """The stream of its pictures.

    Raises:
        UserError: it has none.
    """
    if not source.streams.video:
        raise UserError(f"{clip} has no pictures; give a clip such as .mp4")
    stream = source.streams.video[0]
    stream.thread_type = "AUTO"
    return stream


def upright(clip: Path, source: Any, stream: Any) -> Iterator[Frame]:
    """The frames as a player shows them: turned as the clip says.

    Raises:
        UserError: it is damaged.
    """
    av = open_av()
    counted = source.format.name == "avi"  # which knows when to decode a frame, not when to show it
    try:
        for number, frame in enumerate(source.decode(stream)):
            turns = round(frame.rotation / 90) % 4
            rgb = frame.to_ndarray(format="rgb24")
            yield number if counted else frame.pts, np.ascontiguousarray(np.rot90(rgb, turns))
    except (av.error.FFmpegError, ValueError) as error:
        raise UserError(f"{clip} is damaged ({error}); convert it to H.264 first") from None
