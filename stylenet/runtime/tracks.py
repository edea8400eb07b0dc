"""Joining: the pictures of all parts, and what goes along with them from the clip itself."""

from __future__ import annotations

import heapq
import io
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from fractions import Fraction
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

from stylenet.errors import UserError
from stylenet.runtime.encode import container_of, created, failing
from stylenet.runtime.ffmpeg import open_av, opened
from stylenet.runtime.frames import Look, pictures
from stylenet.runtime.parts import Parts

Timed = tuple[float, int, Any]
"""Seconds, the track's number and the packet."""

_TECHNICAL = frozenset(
    {"major_brand", "minor_version", "compatible_brands", "encoder", "duration", "bps", "rotate"}
    | {"handler_name", "vendor_id", "number_of_frames", "number_of_bytes", "isft", "software"}
)
"""Tags that tell of a file, not of what it shows."""


def check_sound(clip: Path, source: Any, target: Path) -> None:
    """Hold the clip's sound, which is copied as it is, against what the target can hold.

    Raises:
        UserError: a track does not fit.
    """
    for track in source.streams.audio:
        if not _fits(track, target):
            codec, suffix = _codec(track), target.suffix.lower()
            made = "Opus" if suffix == ".webm" else "AAC"
            raise UserError(
                f"{clip} has sound ({codec}) that {suffix} cannot hold; use .mkv or make it {made}"
            )


def join(clip: Path, parts: Parts, target: Path, look: Look, end: int) -> None:
    """Copy the packets of all parts, and those of the clip's other tracks, into one file.

    Args:
        end: when the last frame ends, in the look's unit.

    Raises:
        UserError: it cannot be written.
    """
    unfinished = parts.folder / f"whole{target.suffix.lower()}"
    with ExitStack() as stack:
        source = stack.enter_context(closing(opened(clip)))
        first = stack.enter_context(closing(opened(parts.done[0])))
        out = stack.enter_context(created(unfinished))
        shown = pictures(clip, source)
        start = Fraction(source.start_time or 0, 1_000_000)
        with failing(target):
            film = out.add_stream_from_template(first.streams.video[0], opaque=True)
            film.codec_context.framerate = look.rate
            film.time_base = look.unit
            _label(film, shown)
            copied = {
                track.index: out.add_stream_from_template(track)
                for track in source.streams
                if track.type in ("audio", "subtitle", "attachment") and _fits(track, target)
            }
            for number, track in copied.items():
                _label(track, source.streams[number])
            out.metadata.update(_told(source.metadata))
            out.set_chapters([_moved(chapter, start) for chapter in source.chapters()])
        films = _packets_of_parts(parts, look.unit, end, start, film)
        others = _packets_of_others(source, copied, start)
        for _, _, packet in heapq.merge(films, others, key=lambda item: item[:2]):
            with failing(target):
                out.mux(packet)
    unfinished.replace(target)


def lost(clip: Path, target: Path) -> list[str]:
    """What of a clip its result does not hold, beside the pictures, in words."""
    with closing(opened(clip)) as source, closing(opened(target)) as result:
        before, after = _others(clip, source), _others(target, result)
        found = [_name(track) for track in before if not _fits(track, target)]
        held = [track for track in before if _fits(track, target)]
        for old, new in zip(held, after, strict=False):
            found += [f"{tag} of {_name(old)}" for tag in _missing(old.metadata, new.metadata)]
            if old.disposition & ~new.disposition:
                missing = open_av().stream.Disposition(old.disposition & ~new.disposition)
                found.append(f"mark {missing.name} of {_name(old)}")
        if len(result.chapters()) < len(source.chapters()):
            found.append("chapters")
        return found + [f"tag {tag}" for tag in _missing(source.metadata, result.metadata)]


def _others(clip: Path, container: Any) -> list[Any]:
    """All tracks but the pictures; not the text of chapters, nor a time code, which is a tag."""
    shown = pictures(clip, container).index
    hidden = open_av().stream.Discard.all
    return [
        track
        for track in container.streams
        if track.index != shown and track.discard != hidden and "timecode" not in track.metadata
    ]


def _fits(track: Any, target: Path) -> bool:
    """Whether the target can hold a copy of a track."""
    av = open_av()
    if track.type not in ("audio", "subtitle", "attachment"):
        return False
    try:
        with closing(av.open(io.BytesIO(), "w", format=container_of(target).name)) as trial:
            trial.add_stream_from_template(track)
            trial.start_encoding()
    except (av.error.FFmpegError, ValueError):  # the latter where PyAV knows by itself
        return False
    return True


def _name(track: Any) -> str:
    language = track.metadata.get("language", "und")
    details = _codec(track) + (f", {language}" if language != "und" else "")
    return f"{track.type} track {track.index} ({details})"


def _codec(track: Any) -> str:
    return str(track.codec_context.name if track.codec_context else track.name or "unknown")


def _label(track: Any, like: Any) -> None:
    """Give a track the language, title and marks of another."""
    told = _told(like.metadata)
    if "name" in told:  # of .mp4: what is read so is written as a title
        told["title"] = told.pop("name")
    track.metadata.update(told)
    track.disposition = like.disposition


def _told(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags that a person gave."""
    return {
        key: value
        for key, value in tags.items()
        if key.lower() not in _TECHNICAL and not key.startswith("_")
    }


def _missing(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    values = set(after.values())
    told = _told(before)
    return [key for key, value in told.items() if value not in values and value != "und"]


def _moved(chapter: dict[str, Any], start: Fraction) -> dict[str, Any]:
    shift = round(start / chapter["time_base"])
    return {**chapter, "start": chapter["start"] - shift, "end": chapter["end"] - shift}


def _packets_of_parts(
    parts: Parts, unit: Fraction, end: int, start: Fraction, track: Any
) -> Iterator[Timed]:
    """Each lasts until the next one."""
    shift = round(start / unit)
    for (time, packet), (after, _) in pairwise(chain(_timed(parts, unit), [(end, None)])):
        packet.pts = packet.dts = time - shift
        packet.duration = max(1, after - time)
        packet.time_base = unit
        packet.stream = track
        yield float(time * unit - start), 0, packet


def _timed(parts: Parts, unit: Fraction) -> Iterator[tuple[int, Any]]:
    """Packets of pictures, and when they are shown."""
    for path in parts.done:
        with closing(opened(path)) as part:
            for packet in part.demux(video=0):
                if packet.pts is not None:
                    yield parts.start(path) + round(packet.pts * packet.time_base / unit), packet


def _packets_of_others(source: Any, copied: Mapping[int, Any], start: Fraction) -> Iterator[Timed]:
    wanted = [
        source.streams[number] for number, track in copied.items() if track.type != "attachment"
    ]
    if not wanted:
        return
    for packet in source.demux(wanted):
        if packet.dts is None:
            continue
        shift = round(start / packet.time_base)
        packet.dts -= shift
        if packet.pts is not None:
            packet.pts -= shift
        time = float(packet.dts * packet.time_base)
        packet.stream = copied[packet.stream.index]
        yield time, 1, packet
