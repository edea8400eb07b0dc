"""Clips: sound, rate and size are kept, and what is done is not done again."""

from __future__ import annotations

import heapq
import io
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

from stylenet.errors import UserError
from stylenet.images import Bytes, Picture, read_picture, write_atomically, write_picture
from stylenet.runtime.clips import AnyClipStylizer, windows
from stylenet.runtime.frames import Frame, open_av, opened, pictures, upright

_CONTAINERS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska", ".m4v": "ipod"}
"""Suffix → FFmpeg's name of what it chooses for it."""

WRITTEN = frozenset(_CONTAINERS)

PART = 48
"""Frames a part: what a crash can cost."""

_QUALITY = {"crf": "17", "bf": "0"}
"""x264's: visually lossless, and no reordered frames, so that parts join by copying packets."""


def stylize_clip(
    clip: Path,
    target: Path,
    stylizer: AnyClipStylizer,
    job: dict[str, Any],
    report: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Stylise every frame of `clip` into `target`; memory does not grow with its length.

    Finished parts lie in a folder beside `target` until the whole is done; the same job goes on
    behind them, a recurrent net from the very result that it had come to.

    Args:
        job: what makes one job the same as another, besides the clip.
        report: told the frames done and their number, 0 if that is unknown.

    Returns:
        The number of frames.

    Raises:
        UserError: no clip, no picture in it, a damaged one, sound that the target cannot hold, or a
            target that cannot be written.
    """
    check_target(target)
    folder = target.with_name(f".{target.name}.parts")
    _check_sound(clip, target)
    done = _begin(folder, {**job, "clip": str(clip.resolve()), "bytes": _size(clip)})
    state = _state(folder, len(done) - 1)
    stylizer.go_on(PART * len(done), read_picture(state).rgb if state.is_file() else None)
    with opened(clip) as source:
        stream = pictures(clip, source)
        total, count = stream.frames, PART * len(done)
        fitted = ((time, stylizer.fitted(rgb)) for time, rgb in upright(clip, source, stream))
        frames = islice(windows(fitted, stylizer.around), count, None)
        while part := list(islice(frames, PART)):
            results = _stylized(part, stylizer, report, count, total)
            _write_part(folder, len(done), stream, stylizer, results)
            done = _parts(folder)
            count += len(part)
    if not count:
        raise UserError(f"{clip} has no frame that can be decoded; convert it to H.264 first")
    _join(clip, done, target)
    shutil.rmtree(folder)
    return count


def check_target(target: Path) -> None:
    """Hold the name of a clip to write against what can be written.

    Raises:
        UserError: another suffix.
    """
    if target.suffix.lower() not in WRITTEN:
        raise UserError(f"{target} is no clip stylenet can write; use .mp4, .mov or .mkv")


def _check_sound(clip: Path, target: Path) -> None:
    """Hold the clip's sound, which is copied as it is, against what the target can hold."""
    av = open_av()
    with opened(clip) as source:
        if not source.streams.audio:
            return
        heard = source.streams.audio[0]
        suffix = target.suffix.lower()
        try:
            with closing(av.open(io.BytesIO(), "w", format=_CONTAINERS[suffix])) as trial:
                trial.add_stream_from_template(heard)
                trial.start_encoding()
        except (OSError, ValueError):  # PyAV's errors are of both kinds
            codec = heard.codec_context.name
            raise UserError(
                f"{clip} has sound ({codec}) that {suffix} cannot hold; use .mkv or make it AAC"
            ) from None


def _stylized(
    part: list[Sequence[Frame]],
    stylizer: AnyClipStylizer,
    report: Callable[[int, int], None],
    before: int,
    total: int,
) -> Iterator[Frame]:
    for number, window in enumerate(part, before + 1):
        time, _ = window[stylizer.around]
        yield time, stylizer([rgb for _, rgb in window])
        report(number, total)


def _size(clip: Path) -> int:
    try:
        return clip.stat().st_size
    except OSError as error:
        raise UserError(f"cannot open {clip} ({error.strerror}); check the path") from None


def _begin(folder: Path, job: dict[str, Any]) -> list[Path]:
    """The parts that this very job has finished; those of another are thrown away."""
    note, text = folder / "job.json", json.dumps(job, sort_keys=True)
    if not note.is_file() or note.read_text() != text:
        shutil.rmtree(folder, ignore_errors=True)
        write_atomically(note, lambda file: file.write(text.encode()))
    return _parts(folder)


def _parts(folder: Path) -> list[Path]:
    return sorted(folder.glob("[0-9]*.mp4"))


def _state(folder: Path, number: int) -> Path:
    """Where the last results of recurrent nets are kept, behind a part."""
    return folder / f"{number:06d}.png"


def _write_part(
    folder: Path, number: int, like: Any, stylizer: AnyClipStylizer, frames: Iterator[Frame]
) -> None:
    """Encode frames into a file that appears when it is whole; its name tells when it starts."""
    first, rgb = next(frames)
    unfinished = folder / "unfinished.mp4"
    with encoder(unfinished, rgb, like.average_rate or 25, like.time_base) as encode:
        encode(0, rgb)
        for time, picture in frames:
            encode(time - first, picture)
    if (state := stylizer.state) is not None:
        write_picture(Picture(state), _state(folder, number))
    unfinished.rename(folder / f"{number:06d}_{first}.mp4")


@contextmanager
def encoder(
    path: Path, like: Bytes, rate: Fraction | int, unit: Fraction
) -> Iterator[Callable[[int, Bytes], None]]:
    """Write a clip: what it gives takes a time, in `unit` of a second, and uint8 (H, W, 3).

    Args:
        like: a frame of its size.

    Raises:
        UserError: the file cannot be written.
    """
    av = open_av()
    height, width = like.shape[:2]
    try:
        with closing(av.open(str(path), "w")) as out:
            stream = out.add_stream("libx264", rate=rate, options=_QUALITY)
            stream.width, stream.height = width, height
            even = height % 2 == 0 and width % 2 == 0
            stream.pix_fmt = "yuv420p" if even else "yuv444p"  # half the colours need even sides
            stream.codec_context.time_base = stream.time_base = unit

            def encode(time: int, rgb: Bytes) -> None:
                frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
                frame.pts, frame.time_base = time, unit
                out.mux(stream.encode(frame))

            yield encode
            out.mux(stream.encode())
    except OSError as error:
        detail = error.strerror or error
        mend = "free space or choose another place"
        raise UserError(f"cannot write {path} ({detail}); {mend}") from None


def _join(clip: Path, parts: list[Path], target: Path) -> None:
    """Copy the packets of all parts, and the sound of the clip, into one file."""
    av = open_av()
    unfinished = parts[0].parent / f"whole{target.suffix.lower()}"
    with ExitStack() as stack:
        source = stack.enter_context(opened(clip))
        first = stack.enter_context(opened(parts[0]))
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
        with opened(path) as part:
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
