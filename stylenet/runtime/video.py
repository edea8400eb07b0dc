"""Clips, frame by frame: sound, rate and size are kept, and what is done is not done again."""

from __future__ import annotations

import heapq
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from stylenet.errors import UserError
from stylenet.images import Bytes, write_atomically

SUFFIXES = frozenset({".mp4", ".mov", ".mkv", ".m4v", ".avi", ".webm"})
"""Of the clips that are read."""

WRITTEN = frozenset({".mp4", ".mov", ".mkv", ".m4v"})

PART = 48
"""Frames a part: what a crash can cost."""

_QUALITY = {"crf": "17", "bf": "0"}
"""x264's: visually lossless, and no reordered frames, so that parts join by copying packets."""

Frame = tuple[int, Bytes]
"""Presentation time in the stream's own unit, and uint8 (H, W, 3)."""


def stylize_clip(
    clip: Path,
    target: Path,
    frame: Callable[[Bytes], Bytes],
    job: dict[str, Any],
    report: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Stylise every frame of `clip` into `target`; memory does not grow with its length.

    Finished parts lie in a folder beside `target` until the whole is done; the same job goes on
    behind them.

    Args:
        frame: uint8 (H, W, 3) → the same.
        job: what makes one job the same as another, besides the clip.
        report: told the frames done and their number, 0 if that is unknown.

    Returns:
        The number of frames.

    Raises:
        UserError: no clip, no picture in it, a damaged one, or a target that cannot be written.
    """
    if target.suffix.lower() not in WRITTEN:
        raise UserError(f"{target} is no clip stylenet can write; use .mp4, .mov or .mkv")
    folder = target.with_name(f".{target.name}.parts")
    done = _begin(folder, {**job, "clip": str(clip.resolve()), "bytes": _size(clip)})
    with _opened(clip) as source:
        stream = _pictures(clip, source)
        total, count = stream.frames, PART * len(done)
        frames = islice(_upright(clip, source, stream), count, None)
        while part := list(islice(frames, PART)):
            _write_part(folder, len(done), stream, _stylized(part, frame, report, count, total))
            done = _parts(folder)
            count += len(part)
    if not count:
        raise UserError(f"{clip} has no frame that can be decoded; convert it to H.264 first")
    _join(clip, done, target)
    shutil.rmtree(folder)
    return count


def _stylized(
    part: list[Frame],
    frame: Callable[[Bytes], Bytes],
    report: Callable[[int, int], None],
    before: int,
    total: int,
) -> Iterator[Frame]:
    for number, (time, rgb) in enumerate(part, before + 1):
        yield time, frame(rgb)
        report(number, total)


def _av() -> Any:
    try:
        import av
    except ImportError:
        raise UserError("clips need PyAV; run pip install 'stylenet[video]'") from None
    return av


def _opened(clip: Path) -> Any:
    av = _av()
    try:
        return av.open(str(clip))
    except (OSError, ValueError) as error:  # PyAV's errors are of both kinds
        detail = getattr(error, "strerror", None) or error
        raise UserError(f"cannot open {clip} ({detail}); give a clip such as .mp4") from None


def _size(clip: Path) -> int:
    try:
        return clip.stat().st_size
    except OSError as error:
        raise UserError(f"cannot open {clip} ({error.strerror}); check the path") from None


def _pictures(clip: Path, source: Any) -> Any:
    if not source.streams.video:
        raise UserError(f"{clip} has no pictures; give a clip such as .mp4")
    stream = source.streams.video[0]
    stream.thread_type = "AUTO"
    return stream


def _upright(clip: Path, source: Any, stream: Any) -> Iterator[Frame]:
    """The frames as a player shows them: turned as the clip says."""
    av = _av()
    try:
        for frame in source.decode(stream):
            turns = round(frame.rotation / 90) % 4
            rgb = frame.to_ndarray(format="rgb24")
            yield frame.pts, np.ascontiguousarray(np.rot90(rgb, turns))
    except (av.error.FFmpegError, ValueError) as error:
        raise UserError(f"{clip} is damaged ({error}); convert it to H.264 first") from None


def _begin(folder: Path, job: dict[str, Any]) -> list[Path]:
    """The parts that this very job has finished; those of another are thrown away."""
    note, text = folder / "job.json", json.dumps(job, sort_keys=True)
    if not note.is_file() or note.read_text() != text:
        shutil.rmtree(folder, ignore_errors=True)
        write_atomically(note, lambda file: file.write(text.encode()))
    return _parts(folder)


def _parts(folder: Path) -> list[Path]:
    return sorted(folder.glob("[0-9]*.mp4"))


def _write_part(folder: Path, number: int, like: Any, frames: Iterator[Frame]) -> None:
    """Encode frames into a file that appears when it is whole; its name tells when it starts."""
    av = _av()
    first, rgb = next(frames)
    height, width = rgb.shape[:2]
    unfinished = folder / "unfinished.mp4"
    try:
        with closing(av.open(str(unfinished), "w")) as out:
            stream = out.add_stream("libx264", rate=like.average_rate or 25, options=_QUALITY)
            stream.width, stream.height = width, height
            even = height % 2 == 0 and width % 2 == 0
            stream.pix_fmt = "yuv420p" if even else "yuv444p"  # half the colours need even sides
            stream.codec_context.time_base = stream.time_base = like.time_base
            for time, picture in _chain((first, rgb), frames):
                encoded = av.VideoFrame.from_ndarray(picture, format="rgb24")
                encoded.pts, encoded.time_base = time - first, like.time_base
                out.mux(stream.encode(encoded))
            out.mux(stream.encode())
        unfinished.rename(folder / f"{number:06d}_{first}.mp4")
    except OSError as error:
        detail = error.strerror or error
        mend = "free space or choose another place"
        raise UserError(f"cannot write {unfinished} ({detail}); {mend}") from None


def _chain(first: Frame, rest: Iterator[Frame]) -> Iterator[Frame]:
    yield first
    yield from rest


def _join(clip: Path, parts: list[Path], target: Path) -> None:
    """Copy the packets of all parts, and the sound of the clip, into one file."""
    av = _av()
    unfinished = parts[0].parent / f"whole{target.suffix.lower()}"
    with ExitStack() as stack:
        source = stack.enter_context(_opened(clip))
        first = stack.enter_context(_opened(parts[0]))
        out = stack.enter_context(closing(av.open(str(unfinished), "w")))
        unit = source.streams.video[0].time_base
        pictures = out.add_stream_from_template(first.streams.video[0])
        tracks = [_packets_of_parts(parts, unit, pictures)]
        if source.streams.audio:
            heard = source.streams.audio[0]
            sound = out.add_stream_from_template(heard)
            tracks.append(_packets_of_sound(source, heard, sound))
        for _, _, packet in heapq.merge(*tracks, key=lambda item: item[:2]):
            out.mux(packet)
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished.replace(target)


Timed = tuple[float, int, Any]
"""Seconds, the track's number and the packet."""


def _packets_of_parts(parts: list[Path], unit: Fraction, stream: Any) -> Iterator[Timed]:
    for path in parts:
        start = int(path.stem.split("_")[1]) * unit
        with _opened(path) as part:
            for packet in part.demux(video=0):
                if packet.pts is None:
                    continue
                time = packet.pts * packet.time_base + start
                packet.pts = packet.dts = round(time / unit)
                packet.time_base = unit
                packet.stream = stream
                yield float(time), 0, packet


def _packets_of_sound(source: Any, heard: Any, stream: Any) -> Iterator[Timed]:
    for packet in source.demux(heard):
        if packet.dts is not None:
            time = float(packet.dts * packet.time_base)
            packet.stream = stream
            yield time, 1, packet
