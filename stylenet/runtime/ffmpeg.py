"""FFmpeg, through PyAV. A clip is one local file, and every error becomes one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stylenet.system.errors import UserError
from stylenet.system.special_files import refuse_special

_READ = (
    "mov,matroska,avi,mpegts,mpeg,mpegvideo,flv,asf,ogg,nut,mxf,ivf,h264,hevc,m4v,mjpeg,gif,"
    "yuv4mpegpipe"
)
"""Formats of FFmpeg that are one file. Playlists are left out, because FFmpeg would open the files
and addresses in them."""

_CLOSED = {"format_whitelist": _READ, "protocol_whitelist": "file"}

TEXTS = {"metadata_errors": "surrogateescape"}
"""Tags that are not UTF-8 keep their bytes, when read and when written."""


def open_av() -> Any:
    """The module of PyAV, which writes no log.

    A decoder's thread that writes a log waits for Python's lock. Closing a clip holds the lock
    and waits for the thread, forever. torchvision up to 0.25 turns the log on.

    Raises:
        UserError: PyAV is not installed.
    """
    try:
        import av
    except ImportError:
        raise UserError("clips need PyAV; run pip install 'stylenet[video]'") from None
    av.logging.set_level(None)
    return av


def opened(clip: Path) -> Any:
    """Open a clip with PyAV. No other file is opened, whatever the clip refers to.

    Raises:
        UserError: PyAV is missing, or the file is no clip.
    """
    av = open_av()
    refuse_special(clip)
    try:
        return av.open(local(clip), container_options=_CLOSED, **TEXTS)
    except av.error.EOFError:
        raise nothing_in(clip) from None
    except av.error.FFmpegError as error:
        raise UserError(f"cannot open {clip} ({words(error)}); give a clip such as .mp4") from None


@contextmanager
def undamaged(clip: Path) -> Iterator[None]:
    """Turn FFmpeg's errors in reading a clip into one line.

    Raises:
        UserError: FFmpeg fails.
    """
    try:
        yield
    except open_av().error.FFmpegError as error:
        mend = "convert it to H.264 first"
        raise UserError(f"{clip} is damaged ({words(error)}); {mend}") from None


def local(path: Path) -> str:
    """The absolute path, because FFmpeg takes a name such as ``take:1.mp4`` for a protocol."""
    return str(path.absolute())


def nothing_in(clip: Path) -> UserError:
    """The error for a clip without a frame that can be decoded, with what to do."""
    return UserError(f"{clip} has no frame that can be decoded; convert it to H.264 first")


def words(error: Any) -> str:
    """FFmpeg's own words for an error."""
    return getattr(error, "strerror", None) or str(error)
