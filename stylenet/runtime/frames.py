"""The frames of a clip, as a player shows them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from PIL.Image import Resampling

from stylenet.pictures.images import Bytes
from stylenet.pictures.resizing import resized
from stylenet.runtime.colours import Colours, colours_of, lost_colours, to_rgb
from stylenet.runtime.ffmpeg import nothing_in, open_av, opened, undamaged
from stylenet.system.errors import UserError

SUFFIXES = frozenset({".mp4", ".mov", ".mkv", ".m4v", ".avi", ".webm"})
"""Suffixes of the clips that can be read."""

Frame = tuple[int, Bytes]
"""Presentation time in the stream's time unit, and uint8 (H, W, 3)."""


_ROUNDED = Fraction(1, 10)
"""Seconds by which the durations in files may be off."""


@dataclass(frozen=True)
class Look:
    """How a player shows the pictures of a clip.

    rate: mean number of frames per second. unit: unit of the times of frames, in seconds.
    aspect: width of a pixel over its height. colours: colour tags.
    """

    rate: Fraction
    unit: Fraction
    aspect: Fraction
    colours: Colours


class Reader:
    """An open clip.

    Args:
        nothing: the error for a clip without frames; by default it gives advice for a file.

    Attributes:
        look: how the pictures are shown, once they are upright.
        frames: an iterator over all frames. Times rise, and all frames have the size of the first.
        end: the time at which the last frame read so far ends.
        total: the number of frames, 0 if it is unknown.
        source: the container of PyAV.

    Raises:
        UserError: the clip has no pictures, or is damaged. Damage may show at any frame.
    """

    def __init__(self, clip: Path, source: Any, nothing: UserError | None = None) -> None:
        self._clip, self.source = clip, source
        self._stream = pictures(clip, source)
        self.total: int = self._stream.frames
        self.end = 0
        decoded = self._decoded()
        first = next(decoded, None)
        if first is None:
            raise nothing or nothing_in(clip)
        rate = self._stream.average_rate or self._stream.guessed_rate or Fraction(25)
        aspect = self._stream.sample_aspect_ratio or Fraction(1)
        if turned(first):
            aspect = 1 / aspect
        unit = self._stream.time_base
        self.look = Look(Fraction(rate), unit, Fraction(aspect), colours_of(first).written)
        self._lost = lost_colours(first)
        self._announced = self._seconds()
        self._step = max(1, round(1 / (self.look.rate * unit)))
        self._start: int | None = None
        self.frames = self._timed(chain([first], decoded))

    def lost(self) -> list[str]:
        """What no result can hold of the pictures, in words. Read all frames first."""
        found = list(self._lost)
        shown = max(self.end, self.end - (self._start or 0))  # some durations count from time 0
        missing = self._announced - shown * self.look.unit
        if missing > 2 * self._step * self.look.unit + _ROUNDED:
            found.append(f"the last {float(missing):.1f} s, which are not in the file")
        return found

    def _seconds(self) -> Fraction:
        """Duration of the pictures in seconds, as the file states it; 0 if it states none."""
        if self._stream.duration is not None:
            return Fraction(self._stream.duration * self.look.unit)
        alone = len(self.source.streams) == 1
        return Fraction(self.source.duration or 0, 1_000_000) if alone else Fraction(0)

    def _timed(self, decoded: Iterator[Any]) -> Iterator[Frame]:
        """Each frame with its time.

        AVI stores the time to decode a frame, not the time to show it. The two differ with
        B-frames; then the number of the frame is its time.
        """
        counted = self.source.format.name == "avi" and self._stream.codec_context.has_b_frames
        shape, last = None, None
        for number, frame in enumerate(decoded):
            rgb = upright(frame)
            shape = shape or rgb.shape
            time = number if counted else frame.pts
            if time is None:
                time = self.end
            if last is not None:
                time = max(time, last + 1)
            last = time
            self._start = time if self._start is None else self._start
            self.end = time + (self._step if counted else frame.duration or self._step)
            yield time, rgb if rgb.shape == shape else framed(rgb, shape)

    def _decoded(self) -> Iterator[Any]:
        with undamaged(self._clip):
            yield from self.source.decode(self._stream)


@contextmanager
def read_clip(clip: Path) -> Iterator[Reader]:
    """Open a clip to read its frames.

    Raises:
        UserError: the file is no clip, has no pictures, or is damaged.
    """
    with closing(opened(clip)) as source:
        yield Reader(clip, source)


def clip_frames(clip: Path) -> Iterator[Bytes]:
    """The frames of a clip as a player shows them, uint8 (H, W, 3).

    Raises:
        UserError: the file is no clip, has no pictures, or is damaged.
    """
    with read_clip(clip) as reader:
        for _, rgb in reader.frames:
            yield rgb


def pictures(clip: Path, source: Any) -> Any:
    """The video stream of a clip. A cover picture does not count as one.

    Raises:
        UserError: the clip has no video stream.
    """
    cover = open_av().stream.Disposition.attached_pic
    films = [stream for stream in source.streams.video if not stream.disposition & cover]
    if not films:
        raise UserError(f"{clip} has no pictures; give a clip such as .mp4")
    if films[0].codec_context is None:
        raise nothing_in(clip)
    films[0].thread_type = "AUTO"
    return films[0]


def upright(frame: Any) -> Bytes:
    """Turn and mirror a decoded frame as its display matrix says: uint8 (H, W, 3)."""
    rgb = to_rgb(frame)
    (across, down_to_across), (across_to_down, down) = _matrix(frame)
    if turned(frame):
        rgb = rgb.transpose(1, 0, 2)
        across, down = down_to_across, across_to_down
    return np.ascontiguousarray(rgb[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1])


def turned(frame: Any) -> bool:
    """Whether the display matrix turns the frame by 90 or 270 degrees."""
    (across, down_to_across), (across_to_down, down) = _matrix(frame)
    return abs(across) + abs(down) < abs(down_to_across) + abs(across_to_down)


def _matrix(frame: Any) -> tuple[tuple[int, int], tuple[int, int]]:
    """The 2x2 part of the display matrix, which turns and mirrors: stored (x, y) → shown (x', y').

    FFmpeg multiplies row vectors from the left: x' = a·x + c·y, y' = b·x + d·y.
    """
    data = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return (1, 0), (0, 1)
    a, b, _, c, d, *_ = np.frombuffer(bytes(data), np.int32).tolist()
    return (a, c), (b, d)


def framed(rgb: Bytes, shape: tuple[int, ...]) -> Bytes:
    """Scale a frame of another size until it fits into `shape`, on black."""
    height, width = shape[:2]
    scale = min(height / rgb.shape[0], width / rgb.shape[1])
    rows, columns = (max(1, round(side * scale)) for side in rgb.shape[:2])
    top, left = (height - rows) // 2, (width - columns) // 2
    whole = np.zeros((height, width, 3), np.uint8)
    whole[top : top + rows, left : left + columns] = resized(
        rgb, (rows, columns), Resampling.BICUBIC
    )
    return whole
