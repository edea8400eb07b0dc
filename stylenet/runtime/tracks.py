"""Joining the pictures of all parts with the other tracks of the clip."""

from __future__ import annotations

import heapq
import io
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from fractions import Fraction
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

from stylenet.runtime.encode import container_of, created, failing
from stylenet.runtime.ffmpeg import open_av, opened, undamaged
from stylenet.runtime.frames import Look, pictures
from stylenet.runtime.parts import Parts
from stylenet.system.errors import UserError

Timed = tuple[float, int, Any]
"""Seconds, a rank (pictures come first at equal times) and the packet."""

_TECHNICAL = frozenset(
    {"major_brand", "minor_version", "compatible_brands", "encoder", "duration", "bps", "rotate"}
    | {"handler_name", "vendor_id", "number_of_frames", "number_of_bytes", "isft", "software"}
)
"""Tags that describe the file, not what it shows."""

_QUICKTIME = {
    **{"cze": "ces", "fre": "fra", "rum": "ron", "slo": "slk", "deu": "ger", "ell": "gre"},
    **{"nld": "dut", "zho": "chi", "isl": "ice", "sqi": "alb", "cym": "wel", "eus": "baq"},
}
"""Languages with two codes in ISO 639-2: one code → the other, which FFmpeg can write into .mov."""


_LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
"""FFmpeg's own for so many channels. Matroska does not say how PCM's lie; .mp4 has to."""


def check_sound(clip: Path, source: Any, target: Path) -> None:
    """Check that the target can hold the clip's sound, which is copied unchanged if it fits.

    Raises:
        UserError: the target cannot hold a sound track.
    """
    for track in source.streams.audio:
        if not _goes_along(track, target) or not _begins(clip, track.index, target):
            codec, suffix = _codec(track), target.suffix.lower()
            raise UserError(
                f"{clip} has sound ({codec}) that {suffix} cannot hold; use .mkv or make it AAC"
            )


def _begins(clip: Path, number: int, target: Path) -> bool:
    """Whether a file with a track's first packet can be finished: some fail at their end only."""
    av = open_av()
    with closing(opened(clip)) as source, undamaged(clip):
        track = source.streams[number]
        if not _fits(track, target):  # it is encoded anew
            return True
        packet = next((each for each in source.demux(track) if each.dts is not None), None)
        try:
            with closing(av.open(io.BytesIO(), "w", format=container_of(target).name)) as trial:
                copy = _copied(trial, track)
                if packet is not None:
                    packet.stream = copy
                    packet.pts = packet.dts = 0
                    trial.mux(packet)
        except av.error.FFmpegError:
            return False
    return True


def join(clip: Path, parts: Parts, target: Path, look: Look, end: int) -> None:
    """Copy the packets of all parts, and of the clip's other tracks, into one file.

    Args:
        end: the time at which the last frame ends, in the unit of `look`.

    Raises:
        UserError: the file cannot be written.
    """
    unfinished = parts.folder / f"whole{target.suffix.lower()}"
    with ExitStack() as stack:
        source = stack.enter_context(closing(opened(clip)))
        first = stack.enter_context(closing(opened(parts.done[0])))
        out = stack.enter_context(created(unfinished, target))
        shown = pictures(clip, source)
        start = Fraction(source.start_time or 0, 1_000_000)
        with failing(target):
            film = out.add_stream_from_template(first.streams.video[0], opaque=True)
            film.codec_context.framerate = look.rate
            film.time_base = look.unit
            _label(film, shown, target)
            others = {
                track.index: _added(out, track, target)
                for track in source.streams
                if _goes_along(track, target)
            }
            for number, track in others.items():
                _label(track, source.streams[number], target)
            out.metadata.update(_told(source.metadata))
            chapters = [_moved(chapter, start) for chapter in source.chapters()]
            out.set_chapters([chapter for chapter in chapters if chapter["end"] > 0])
        films = _packets_of_parts(parts, look.unit, end, start, film)
        rest = _packets_of_others(clip, source, others, start)
        for _, _, packet in heapq.merge(films, rest, key=lambda item: item[:2]):
            with failing(target):
                out.mux(packet)
    unfinished.replace(target)


def lost(clip: Path, target: Path) -> list[str]:
    """What the result lacks of the clip, besides pictures, in words."""
    with closing(opened(clip)) as source, closing(opened(target)) as result:
        before, after = _others(clip, source), _others(target, result)
        found = [_name(track) for track in before if not _goes_along(track, target)]
        held = [track for track in before if _goes_along(track, target)]
        for old, new in zip(held, after, strict=False):
            if old.type == "audio" and not _fits(old, target):
                found.append(f"{_name(old)} as it was (it is encoded anew)")
                if new.layout.nb_channels < old.layout.nb_channels:
                    mixed = f"it is mixed to {new.channels}"
                    found.append(f"the {old.channels} channels of {_name(old)} ({mixed})")
            found += [f"{tag} of {_name(old)}" for tag in _missing(old.metadata, new.metadata)]
            if old.disposition & ~new.disposition:
                missing = open_av().stream.Disposition(old.disposition & ~new.disposition)
                found.append(f"mark {missing.name} of {_name(old)}")
        if len(result.chapters()) < len(source.chapters()):
            found.append("chapters")
        return found + [f"tag {tag}" for tag in _missing(source.metadata, result.metadata)]


def _others(clip: Path, container: Any) -> list[Any]:
    """All tracks but pictures, the text of chapters, and time codes, which are tags."""
    shown = pictures(clip, container).index
    hidden = open_av().stream.Discard.all
    return [
        track
        for track in container.streams
        if track.index != shown and track.discard != hidden and "timecode" not in track.metadata
    ]


def _goes_along(track: Any, target: Path) -> bool:
    """Whether the target gets a track, as a copy or as sound encoded anew."""
    if track.type == "audio" and container_of(target).sound and track.codec_context:
        return True
    return track.type in ("audio", "subtitle", "attachment") and _fits(track, target)


def _fits(track: Any, target: Path) -> bool:
    """Whether the target can hold a copy of a track."""
    av = open_av()
    try:
        with closing(av.open(io.BytesIO(), "w", format=container_of(target).name)) as trial:
            _copied(trial, track)
            trial.start_encoding()
    except (av.error.FFmpegError, ValueError):  # PyAV itself raises ValueError
        return False
    return True


def _name(track: Any) -> str:
    language = track.metadata.get("language", "und")
    details = _codec(track) + (f", {language}" if language != "und" else "")
    return f"{track.type} track {track.index} ({details})"


def _codec(track: Any) -> str:
    return str(track.codec_context.name if track.codec_context else track.name or "unknown")


def _added(out: Any, track: Any, target: Path) -> Any:
    """Add a track to `out`, for copied packets of `track` or for its sound encoded anew.

    Sound of more than two channels is encoded as 5.1 or 7.1. FFmpeg 8.1 would exchange channels of
    5.0 and 6.1 in libopus.
    """
    if _fits(track, target):
        return _copied(out, track)
    several = "5.1" if track.channels <= 6 else "7.1"
    layout = {1: "mono", 2: "stereo"}.get(track.channels, several)
    return out.add_stream(container_of(target).sound, rate=48000, layout=layout)


def _copied(out: Any, track: Any) -> Any:
    """A track for a copy of another, whose channels lie somewhere even if the other's do not."""
    copy = out.add_stream_from_template(track)
    if track.type == "audio" and track.layout.name == f"{track.channels} channels":
        copy.codec_context.layout = _LAYOUTS.get(track.channels, track.layout)
    return copy


def _label(track: Any, like: Any, target: Path) -> None:
    """Give a track the language, title and marks of another."""
    told = _told(like.metadata)
    if "name" in told:  # FFmpeg reads the title of a track in .mp4 as ``name``
        told["title"] = told.pop("name")
    if target.suffix.lower() == ".mov" and "language" in told:
        told["language"] = _QUICKTIME.get(told["language"], told["language"])
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
    values = {"und", *after.values()}
    told = _told(before).items()
    return [key for key, value in told if not values & {value, _QUICKTIME.get(value)}]


def _moved(chapter: dict[str, Any], start: Fraction) -> dict[str, Any]:
    """A chapter, which begins at 0 at the earliest."""
    shift = round(start / chapter["time_base"])
    first = max(0, chapter["start"] - shift)
    return {**chapter, "start": first, "end": chapter["end"] - shift}


def _packets_of_parts(
    parts: Parts, unit: Fraction, end: int, start: Fraction, track: Any
) -> Iterator[Timed]:
    """The packets of pictures for the new track; each lasts until the next one."""
    shift = round(start / unit)
    for (time, packet), (after, _) in pairwise(chain(_timed(parts, unit), [(end, None)])):
        packet.pts = packet.dts = time - shift
        packet.duration = max(1, after - time)
        packet.time_base = unit
        packet.stream = track
        yield float(time * unit - start), 0, packet


def _timed(parts: Parts, unit: Fraction) -> Iterator[tuple[int, Any]]:
    """The packets of pictures, and the time at which each is shown."""
    for path in parts.done:
        with closing(opened(path)) as part:
            for packet in part.demux(video=0):
                if packet.pts is not None:
                    yield parts.start(path) + round(packet.pts * packet.time_base / unit), packet


def _packets_of_others(
    clip: Path, source: Any, others: Mapping[int, Any], start: Fraction
) -> Iterator[Timed]:
    wanted = [track for track in source.streams if track.index in others]
    wanted = [track for track in wanted if track.type != "attachment"]
    if not wanted:
        return
    with undamaged(clip):
        for packet in source.demux(wanted):
            track = others[packet.stream.index]
            for moved in _moved_packets(packet, track, start):
                yield float(moved.dts * moved.time_base), 1, moved


def _moved_packets(packet: Any, track: Any, start: Fraction) -> Iterator[Any]:
    """A packet, moved to its new track. The empty last packet of a track flushes its encoder."""
    if track.codec_context.is_encoder:
        for frame in packet.decode():
            frame.pts -= round(start / frame.time_base)
            yield from track.encode(frame)
        if not packet.size:
            yield from track.encode()
    elif packet.dts is not None:
        shift = round(start / packet.time_base)
        packet.dts -= shift
        if packet.pts is not None:
            packet.pts -= shift
        packet.stream = track
        yield packet
