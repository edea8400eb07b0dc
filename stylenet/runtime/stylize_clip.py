"""Stylising clips: sound, rate and size are kept, and an interrupted job resumes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from stylenet.pictures.images import Bytes, Picture, read_picture, write_picture
from stylenet.runtime.ahead import ahead
from stylenet.runtime.clips import AnyClipStylizer, windows
from stylenet.runtime.encode import check_target, encoder
from stylenet.runtime.frames import Frame, Look, Reader, read_clip
from stylenet.runtime.parts import PART, Parts, parts_of
from stylenet.runtime.tracks import check_sound, join, lost


def _warn(text: str) -> None:
    print(f"warning: {text}", file=sys.stderr)


def stylize_clip(
    clip: Path,
    target: Path,
    stylizer: AnyClipStylizer,
    job: dict[str, Any],
    report: Callable[[int, int], None] = lambda done, total: None,
    warn: Callable[[str], None] = _warn,
) -> int:
    """Stylise every frame of `clip` into `target`; memory does not grow with its length.

    Finished parts lie in a folder beside `target` until the whole clip is done. The same job
    resumes after them. A recurrent net resumes from its last result.

    Args:
        job: the settings. A job with the same settings and the same clip is the same job.
        report: called with the number of frames done and of all frames, 0 if it is unknown.
        warn: called with one line on what the result lacks of the clip.

    Returns:
        The number of frames.

    Raises:
        UserError: `clip` is no clip, has no pictures or is damaged; or `target` cannot hold its
            sound, is being written by another job, or cannot be written.
    """
    check_target(target, clip)
    with read_clip(clip) as reader:
        check_sound(clip, reader.source, target)
        with parts_of(target, clip, job) as parts:
            count = _finish_parts(reader, parts, target, stylizer, report)
            join(clip, parts, target, reader.look, reader.end)
    if missing := [*reader.lost(), *lost(clip, target)]:
        warn(f"{target} does not hold all of {clip}: {', '.join(missing)}")
    return count


@dataclass(frozen=True)
class _Result:
    """A stylised frame: its time, uint8 (H, W, 3), and the stylizer's state after it."""

    time: int
    rgb: Bytes
    state: Bytes | None


def _finish_parts(
    reader: Reader,
    parts: Parts,
    target: Path,
    stylizer: AnyClipStylizer,
    report: Callable[[int, int], None],
) -> int:
    """Stylise the frames that are not done. Returns the number of all frames.

    Frames are decoded, stylised and encoded at the same time, by a thread each.
    """
    count, done = parts.keep_sound(), len(parts.done)
    state = parts.state(done - 1)
    stylizer.go_on(count, read_picture(state).rgb if state.is_file() else None)
    fitted = ((time, stylizer.fitted(rgb)) for time, rgb in reader.frames)
    frames = islice(windows(fitted, stylizer.receptive_radius), count, None)
    with ahead(frames) as decoded, ahead(_stylized(decoded, stylizer)) as stylized:

        def told() -> Iterator[_Result]:
            nonlocal count
            for result in stylized:
                yield result
                count += 1
                report(count, reader.total)

        results = told()
        for first in results:
            part = chain([first], islice(results, PART - 1))
            _write_part(parts, done, reader.look, target, part)
            done += 1
    return count


def _stylized(frames: Iterator[Sequence[Frame]], stylizer: AnyClipStylizer) -> Iterator[_Result]:
    for window in frames:
        time, _ = window[stylizer.receptive_radius]
        yield _Result(time, stylizer([rgb for _, rgb in window]), stylizer.state)


def _write_part(
    parts: Parts, number: int, look: Look, target: Path, frames: Iterator[_Result]
) -> None:
    """Encode frames into a part, which counts as finished once it is complete."""
    last = first = next(frames)
    with encoder(parts.unfinished, first.rgb, look, target) as encode:
        for last in chain([first], frames):
            encode(last.time - first.time, last.rgb)
    if last.state is not None:
        write_picture(Picture(last.state), parts.state(number))
    parts.finish(number, first.time)
