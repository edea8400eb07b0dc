"""FFmpeg, by way of PyAV: a clip is one local file, and what fails ends in one line."""

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
"""Of FFmpeg's formats, those that are one file. Playlists are not: they open files and addresses
that they name."""

_CLOSED = {"format_whitelist": _READ, "protocol_whitelist": "file"}

TEXTS = {"metadata_errors": "surrogateescape"}
"""Tags that are no UTF-8 keep their bytes, read and written."""


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
    """PyAV's container of a clip; no other file is opened, whatever it says.

    Raises:
        UserError: PyAV is missing, or it is no clip.
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
    """Tell in a line what FFmpeg cannot read.

    Raises:
        UserError: it fails.
    """
    try:
        yield
    except open_av().error.FFmpegError as error:
        mend = "convert it to H.264 first"
        raise UserError(f"{clip} is damaged ({words(error)}); {mend}") from None


def local(path: Path) -> str:
    """The name that FFmpeg takes for this file: it takes ``take:1.mp4`` for a protocol."""
    return str(path.absolute())


def nothing_in(clip: Path) -> UserError:
    """That a clip shows nothing, and what to do."""
    return UserError(f"{clip} has no frame that can be decoded; convert it to H.264 first")


def words(error: Any) -> str:
    """FFmpeg's own for an error."""
    return getattr(error, "strerror", None) or str(error)
