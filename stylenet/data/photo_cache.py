"""A cache of decoded and shrunk photographs, one flat file of bytes that every later run reads."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate, islice
from pathlib import Path
from typing import IO, Any

import numpy as np

from stylenet.data.decode import decoded
from stylenet.data.index import (
    Entry,
    Index,
    append_end,
    append_entries,
    locked,
    read_index,
)
from stylenet.data.source import Listing, PhotoSource, key_sha256
from stylenet.pictures.images import Bytes, write_atomically
from stylenet.system.cache_folder import cache_dir
from stylenet.system.errors import UserError, cannot_write

_ROOM_CHECKED_AFTER = 16  # pictures; enough to estimate the size of the whole cache
_GROUP = 256  # pictures written at once; a killed run loses about a second of work on two cores


@dataclass(frozen=True)
class PhotoCache:
    """Decoded photographs that are read from disk on access. Sending them to a worker is cheap.

    Attributes:
        data: the file of the bytes.
        index: the index file.
        names: names of the photographs.
        shapes: height and width of each photograph.
        offsets: first byte of each photograph in `data`.
        skipped: (name, reason) of every picture of the source that could not be used.
        contents: number of photographs, checksum of all dHashes and checksum of all pixels, in the
            order of the source. They identify the same pictures in any folder. Older caches have
            no checksum of pixels.
    """

    data: Path
    index: Path
    names: list[str]
    shapes: list[tuple[int, int]]
    offsets: list[int]
    skipped: list[tuple[str, str]]
    contents: dict[str, Any]

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, number: int) -> Bytes:
        """Photograph `number`: uint8 (H, W, 3), sRGB, a read-only view of the file."""
        shape = (*self.shapes[number], 3)
        return np.memmap(self.data, np.uint8, "r", self.offsets[number], shape)

    def skipped_line(self) -> str:
        """One line for the log: the number of skipped pictures, the first few, and the full CSV."""
        first = "; ".join(reason for _, reason in self.skipped[:3])
        total = len(self.names) + len(self.skipped)
        return (
            f"skipped {len(self.skipped)} of {total} pictures: {first}"
            f" (all in {bad_list(self.data)})"
        )


def open_cache(source: PhotoSource, side: int) -> PhotoCache:
    """Open the cache of `source`. Build or finish the cache first if it is not complete.

    Duplicates are left out once `python -m stylenet.prepare` has looked for them.

    Args:
        side: shorter side in pixels that larger photographs are shrunk to.

    Raises:
        UserError: the source cannot be found, no picture of it can be used, or the cache folder
            cannot be written or lacks the room.
    """
    data = cache_file(source, side)
    cache = _open(data)
    if cache is None:
        build(source, side)
        cache = _open(data)
    if cache is None:
        raise UserError(f"{data} changed while it was written; run again")
    return cache


def cache_file(source: PhotoSource, side: int) -> Path:
    """The path of the cached bytes of `source`. `index_file` and `bad_list` lie beside it."""
    digest = key_sha256(source)[:16]
    return cache_dir() / "photos" / f"{digest}-{side}.rgb"


def index_file(data: Path) -> Path:
    """The path of the index of the cache `data`, see `stylenet.data.index`."""
    return data.with_suffix(".json")


def bad_list(data: Path) -> Path:
    """The path of the CSV of unusable pictures and reasons. It is missing if all can be used."""
    return data.with_suffix(".bad.csv")


def build(source: PhotoSource, side: int) -> int:
    """Decode the pictures of `source` that its cache lacks.

    An unfinished cache of an interrupted run is continued, and no picture is decoded twice. If two
    runs build one cache, the second waits for the first. A cache that does not match its index is
    built anew. If the disk has no room for the whole cache, the unfinished cache is removed.

    Args:
        side: see `open_cache`.

    Returns:
        The number of pictures decoded.

    Raises:
        UserError: as `open_cache`.
    """
    data = cache_file(source, side)
    index = index_file(data)
    if _is_whole(read_index(index), data):
        return 0
    listing = source.listing()
    try:
        with locked(index) as file:
            found = read_index(index)
            if _is_whole(found, data):
                return 0
            return _go_on(listing, source.title, side, data, _usable_part(found, data), file)
    except OSError as error:
        raise cannot_write(data, error) from None


def write_table(path: Path, rows: Iterable[Iterable[object]]) -> None:
    """Write `rows` as the CSV at `path`, atomically.

    Raises:
        UserError: the file cannot be written.
    """
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    content = text.getvalue().encode(errors="surrogateescape")  # file names may hold any bytes
    write_atomically(path, lambda file: file.write(content))


def _open(data: Path) -> PhotoCache | None:
    """Open the cache `data`. None if it is not complete."""
    found = read_index(index_file(data))
    if not _is_whole(found, data):
        return None
    left_out = found.duplicates or {}
    offsets = accumulate((entry.size for entry in found.entries), initial=0)
    names, shapes, starts, used = [], [], [], []
    for number, (entry, start) in enumerate(zip(found.entries, offsets, strict=False)):
        if entry.shape is not None and number not in left_out:
            names.append(entry.name)
            shapes.append(entry.shape)
            starts.append(start)
            used.append(entry)
    skipped = [(entry.name, entry.reason) for entry in found.entries if entry.shape is None]
    return PhotoCache(data, index_file(data), names, shapes, starts, skipped, _contents(used))


def _contents(used: list[Entry]) -> dict[str, Any]:
    hashes = (f"{entry.shape} {entry.dhash}" for entry in used)
    pixels = _sum(entry.digest for entry in used) if all(entry.digest for entry in used) else None
    # Checkpoints hold the checksum of dHashes under the key "looks".
    return {"count": len(used), "looks": _sum(hashes), "pixels": pixels}


def _sum(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _is_whole(found: Index, data: Path) -> bool:
    return found.whole and found.size == _size(data)


def _usable_part(found: Index, data: Path) -> Index:
    """The index of an interrupted run. Empty if the index and the data do not match."""
    return Index() if found.whole or found.size > _size(data) else found


def _size(data: Path) -> int:
    return data.stat().st_size if data.exists() else 0


class _HopelessError(UserError):
    """The unfinished cache is useless, because a later run would fail in the same way."""


def _go_on(
    listing: Listing, title: str, side: int, data: Path, found: Index, index: IO[bytes]
) -> int:
    """Finish the cache after the entries `found`, and return the number of further pictures."""
    index.truncate(found.length)
    if not found.entries:
        data.unlink(missing_ok=True)  # another run may still read the damaged file: make a new one
    try:
        entries = list(_written(listing, side, data, found, index))
        whole = [*found.entries, *entries]
        bad = [entry for entry in whole if entry.shape is None]
        if len(bad) == len(whole):
            first = bad[0].reason if bad else "there are none"
            raise _HopelessError(
                f"none of {len(bad)} pictures of {title} can be used, for example: {first}"
            )
        if bad:
            rows = [("picture", "reason"), *((entry.name, entry.reason) for entry in bad)]
            write_table(bad_list(data), rows)
        append_end(index)
    except (OSError, _HopelessError):
        data.unlink(missing_ok=True)
        index_file(data).unlink(missing_ok=True)
        raise
    return len(entries)


def _written(
    listing: Listing, side: int, data: Path, found: Index, index: IO[bytes]
) -> Iterator[Entry]:
    """Write the pictures that follow the entries `found`, and yield an entry for each."""
    done, good = len(found.entries), 0
    group: list[Entry] = []
    with data.open("ab") as file:
        file.truncate(found.size)
        for photo, result in decoded(islice(listing.photos, done, None), side, done, listing.count):
            done += 1
            if isinstance(result, str):
                group.append(Entry(photo.name, photo.labels, reason=result))
            else:
                rgb, dhash = result
                pixels = np.ascontiguousarray(rgb).data
                file.write(pixels)
                digest = hashlib.blake2b(pixels, digest_size=16).hexdigest()
                shape = (rgb.shape[0], rgb.shape[1])
                group.append(Entry(photo.name, photo.labels, shape, dhash, digest=digest))
                good += 1
                if good == _ROOM_CHECKED_AFTER and listing.count is not None:
                    size = (file.tell() - found.size) / good
                    _check_room(data.parent, size * (listing.count - done))
            if len(group) == _GROUP:
                _commit(file, index, group)
                yield from group
                group = []
        _commit(file, index, group)
        yield from group


def _commit(data: IO[bytes], index: IO[bytes], group: list[Entry]) -> None:
    """Write the bytes to disk, and then their entries. The index never lists missing bytes."""
    data.flush()
    os.fsync(data.fileno())
    append_entries(index, group)


def _check_room(folder: Path, needed: float) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise _HopelessError(
            f"{folder} has {free / 1e9:.1f} GB free and the decoded photographs need"
            f" {needed / 1e9:.1f} GB more; free space, set STYLENET_CACHE to a folder on a larger"
            " disk, or lower data.cache_side"
        )
