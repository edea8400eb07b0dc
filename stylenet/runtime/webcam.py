"""Stylising a webcam live."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

from stylenet.pictures.images import Bytes
from stylenet.runtime.clips import AnyClipStylizer, windows
from stylenet.runtime.encode import check_target, encoder
from stylenet.runtime.ffmpeg import open_av, words
from stylenet.runtime.frames import Frame, Look, Reader
from stylenet.runtime.parts import claimed
from stylenet.system.errors import UserError


def stylize_webcam(
    camera: str,
    target: Path,
    stylizer: AnyClipStylizer,
    report: Callable[[int], None] = lambda done: None,
) -> int:
    """Film until Ctrl-C. The camera drops frames that come while the net is busy.

    Args:
        camera: the number of a Linux webcam, or the path of its device.
        report: called with the number of frames done.

    Returns:
        The number of frames written.

    Raises:
        UserError: the camera is missing or gives no picture, or the target cannot be written.
    """
    check_target(target)
    device = Path(f"/dev/video{camera}" if camera.isdecimal() else camera)
    with closing(_opened(device)) as source:
        nothing = UserError(f"{device} gave no picture; close other programs that use it")
        reader = Reader(device, source, nothing)
        return record(reader.frames, reader.look, target, stylizer, report)


def record(
    frames: Iterator[Frame],
    look: Look,
    target: Path,
    stylizer: AnyClipStylizer,
    report: Callable[[int], None],
) -> int:
    """Stylise frames into `target` until they end, or until Ctrl-C.

    Args:
        look: how the frames are shown. report: called with the number of frames done.

    Returns:
        The number of frames written.

    Raises:
        UserError: reading or writing frames fails. The frames written before are kept.
    """
    count = first = 0
    encode: Callable[[int, Bytes], None] | None = None
    with claimed(target) as folder:
        unfinished = folder / f"film{target.suffix.lower()}"
        try:
            with ExitStack() as stack, suppress(KeyboardInterrupt):  # Ctrl-C ends filming
                for time, rgb in _stylized(frames, stylizer):
                    if encode is None:
                        encode = stack.enter_context(encoder(unfinished, rgb, look))
                        first = time
                    encode(time - first, rgb)
                    count += 1
                    report(count)
        finally:
            if count:
                unfinished.replace(target)
    return count


def _stylized(frames: Iterator[Frame], stylizer: AnyClipStylizer) -> Iterator[Frame]:
    fitted = ((time, stylizer.fitted(rgb)) for time, rgb in frames)
    for window in windows(fitted, stylizer.receptive_radius):
        yield window[stylizer.receptive_radius][0], stylizer([rgb for _, rgb in window])


def _opened(device: Path) -> Any:
    av = open_av()
    try:
        return av.open(str(device), format="v4l2")
    except (av.error.FFmpegError, ValueError) as error:  # ValueError where FFmpeg has no v4l2
        mend = "see ls /dev/video* for the webcams here"
        raise UserError(f"cannot open the webcam {device} ({words(error)}); {mend}") from None
