"""Photographs decoded and shrunk once, kept as one flat file of bytes for every later run."""

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

_ROOM_CHECKED_AFTER = 16  # pictures; enough to tell how large the whole cache will be
_GROUP = 256  # pictures; what a kill costs: about a second of work on two cores


@dataclass(frozen=True)
class PhotoCache:
    """Decoded photographs, read from disk as they are asked for; cheap to send to a worker.

    skipped: (name, reason) of every picture of the source that could not be used.
    contents: their number and sums over all of them in their order, of dHashes and of pixels, by
        which the same pictures are known wherever they lie; no sum of pixels in an older cache.
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
        """One line for the log: how many pictures were skipped, the first few, where all are."""
        first = "; ".join(reason for _, reason in self.skipped[:3])
        total = len(self.names) + len(self.skipped)
        return (
            f"skipped {len(self.skipped)} of {total} pictures: {first}"
            f" (all in {bad_list(self.data)})"
        )


def open_cache(source: PhotoSource, side: int) -> PhotoCache:
    """The cache of `source`, built first unless an earlier run has left it whole.

    side: pixels; larger photographs are shrunk until their shorter side is `side`.

    Duplicates are left out once `python -m stylenet.prepare` has looked for them.

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
    """The file of the bytes of `source`; `index_file` and `bad_list` lie beside it."""
    digest = key_sha256(source)[:16]
    return cache_dir() / "photos" / f"{digest}-{side}.rgb"


def index_file(data: Path) -> Path:
    """The index of the cache whose bytes are in `data`, see `stylenet.data.index`."""
    return data.with_suffix(".json")


def bad_list(data: Path) -> Path:
    """The CSV of pictures that cannot be used, and why; there is none where all can."""
    return data.with_suffix(".bad.csv")


def build(source: PhotoSource, side: int) -> int:
    """Decode the pictures of `source` that its cache lacks; returns how many those were.

    A run that was killed, or that lost its source, is gone on with: every picture is in the cache
    once. Two runs may ask at once: one works and the other waits. A cache that does not fit its
    index is built anew, and one without the room to be finished is removed.

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
        UserError: it cannot be written.
    """
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    content = text.getvalue().encode(errors="surrogateescape")  # file names are any bytes
    write_atomically(path, lambda file: file.write(content))


def _open(data: Path) -> PhotoCache | None:
    """The cache in this file, or None where it is not whole."""
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
    # Checkpoints hold the sum of dHashes under the name "looks".
    return {"count": len(used), "looks": _sum(hashes), "pixels": pixels}


def _sum(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _is_whole(found: Index, data: Path) -> bool:
    return found.whole and found.size == _size(data)


def _usable_part(found: Index, data: Path) -> Index:
    """What a killed run has left; nothing where its files do not fit together."""
    return Index() if found.whole or found.size > _size(data) else found


def _size(data: Path) -> int:
    return data.stat().st_size if data.exists() else 0


class _HopelessError(UserError):
    """Not worth keeping what is there: going on would end the same way."""


def _go_on(
    listing: Listing, title: str, side: int, data: Path, found: Index, index: IO[bytes]
) -> int:
    """Bring data and `index` from what was `found` in them to the end; returns the pictures."""
    index.truncate(found.length)
    if not found.entries:
        data.unlink(missing_ok=True)  # a new file: another run may still read the damaged one
    try:
        entries = list(_written(listing, side, data, found, index))
        whole = [*found.entries, *entries]
        bad = [entry for entry in whole if entry.shape is None]
        if len(bad) == len(whole):
            first = bad[0].reason if bad else "there are none"
            raise _HopelessError(
                f"none of {len(bad)} pictures of {title} can be used, such as: {first}"
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
    """What became of each picture that follows those `found`, as it is written."""
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
    """The bytes first and for good, then the index: it never promises what is not there."""
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
