"""A webcam, stylised as it films."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

from stylenet.errors import UserError
from stylenet.images import Bytes
from stylenet.runtime.clips import AnyClipStylizer, windows
from stylenet.runtime.frames import Frame, open_av, upright
from stylenet.runtime.video import check_target, encoder

_RATE = 30
"""Frames per second that the file announces; each has its own time all the same."""


def stylize_webcam(
    camera: str,
    target: Path,
    stylizer: AnyClipStylizer,
    report: Callable[[int], None] = lambda done: None,
) -> int:
    """Film until Ctrl-C; frames that come while the net is at work are dropped by the camera.

    Args:
        camera: the number of a Linux webcam, or its device.
        report: told the frames done.

    Returns:
        The number of frames written.

    Raises:
        UserError: no such camera, one that gives no picture, or a target that cannot be written.
    """
    check_target(target)
    device = Path(f"/dev/video{camera}" if camera.isdecimal() else camera)
    with _opened(device) as source:
        stream = source.streams.video[0]
        count = record(upright(device, source, stream), stream.time_base, target, stylizer, report)
    if not count:
        raise UserError(f"{device} gave no picture; close other programs that use it")
    return count


def record(
    frames: Iterator[Frame],
    unit: Fraction,
    target: Path,
    stylizer: AnyClipStylizer,
    report: Callable[[int], None],
) -> int:
    """Stylise frames into `target` until they end, or Ctrl-C; their number.

    unit: of their times, in seconds.

    Raises:
        UserError: the frames, or the writing of them, fail; what is written by then is kept.
    """
    unfinished = target.with_name(f".{target.name}.unfinished{target.suffix}")
    target.parent.mkdir(parents=True, exist_ok=True)
    count = first = 0
    encode: Callable[[int, Bytes], None] | None = None
    try:
        with ExitStack() as stack, suppress(KeyboardInterrupt):  # which is how filming ends
            for time, rgb in _stylized(frames, stylizer):
                if encode is None:
                    encode, first = stack.enter_context(encoder(unfinished, rgb, _RATE, unit)), time
                encode(time - first, rgb)
                count += 1
                report(count)
    finally:
        if count:
            unfinished.replace(target)
    return count


def _stylized(frames: Iterator[Frame], stylizer: AnyClipStylizer) -> Iterator[Frame]:
    fitted = ((time, stylizer.fitted(rgb)) for time, rgb in frames)
    for window in windows(fitted, stylizer.around):
        yield window[stylizer.around][0], stylizer([rgb for _, rgb in window])


def _opened(device: Path) -> Any:
    av = open_av()
    try:
        return av.open(str(device), format="v4l2")
    except (OSError, ValueError) as error:  # PyAV's errors are of both kinds
        detail = getattr(error, "strerror", None) or error
        raise UserError(
            f"cannot open the webcam {device} ({detail}); see ls /dev/video* for those here"
        ) from None
