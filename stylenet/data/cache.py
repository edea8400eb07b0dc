"""Photographs decoded and shrunk once, kept as one flat file of bytes for every later run."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import warnings
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image
from rich.progress import Progress

from stylenet.cache import cache_dir
from stylenet.data.source import Listing, Photo, PhotoSource
from stylenet.errors import UserError
from stylenet.images import Bytes, write_atomically

_THREADS = os.cpu_count() or 1
_LONG = 300  # pictures; decoding fewer takes no time worth a progress bar
_ROOM_CHECKED_AFTER = 16  # pictures; enough to tell how large the whole cache will be


@dataclass(frozen=True)
class PhotoCache:
    """Decoded photographs, read from disk as they are asked for; cheap to send to a worker.

    skipped: (name, reason) of every picture of the source that could not be used.
    """

    data: Path
    index: Path
    names: list[str]
    shapes: list[tuple[int, int]]
    offsets: list[int]
    skipped: list[tuple[str, str]]

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
        return f"skipped {len(self.skipped)} of {total} pictures: {first} (all in {self.index})"


def open_cache(source: PhotoSource, side: int) -> PhotoCache:
    """The cache of `source`, built first unless an earlier run has left it whole.

    side: pixels; larger photographs are shrunk until their shorter side is `side`.

    Two runs may build the same cache at once: each writes its own temporary file, and both end
    with the same bytes under the same name. The index is written last and must account for every
    byte of the data, so a cache that was cut short is rebuilt.

    Raises:
        UserError: the source cannot be found, no picture of it can be used, or the cache folder
            cannot be written or lacks the room.
    """
    digest = hashlib.sha256(source.key().encode()).hexdigest()[:16]
    data = cache_dir() / "photos" / f"{digest}-{side}.rgb"
    index = data.with_suffix(".json")
    return _open(data, index) or _build(source, side, data, index)


def shrink(rgb: Bytes, side: int) -> Bytes:
    """`rgb` (H, W, 3) resized, antialiased, to a shorter side of `side`; never enlarged."""
    height, width = rgb.shape[:2]
    scale = side / min(height, width)
    if scale >= 1:
        return rgb
    size = (max(side, round(width * scale)), max(side, round(height * scale)))
    return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.BICUBIC))


def _open(data: Path, index: Path) -> PhotoCache | None:
    """The cache in these two files, or None where they are missing or do not fit together."""
    try:
        table = json.loads(index.read_text())
        shapes = [(int(height), int(width)) for height, width in table["shapes"]]
        sizes = [height * width * 3 for height, width in shapes]
        if data.stat().st_size != sum(sizes) or len(table["names"]) != len(sizes):
            return None
        offsets = [0, *np.cumsum(sizes)[:-1].tolist()]
        skipped = [(name, reason) for name, reason in table["skipped"]]
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return PhotoCache(data, index, table["names"], shapes, offsets, skipped)


def _build(source: PhotoSource, side: int, data: Path, index: Path) -> PhotoCache:
    names: list[str] = []
    shapes: list[tuple[int, int]] = []
    skipped: list[tuple[str, str]] = []
    listing = source.listing()

    def write(file: IO[bytes]) -> None:
        for name, result in _decoded(listing, side):
            if isinstance(result, str):
                skipped.append((name, result))
                continue
            file.write(np.ascontiguousarray(result).data)
            names.append(name)
            shapes.append((result.shape[0], result.shape[1]))
            if len(names) == _ROOM_CHECKED_AFTER and listing.count is not None:
                _check_room(data.parent, file.tell() / len(names) * (listing.count - len(names)))
        if not names:
            first = skipped[0][1] if skipped else "there are none"
            raise UserError(
                f"none of {len(skipped)} pictures of {source.title} can be used, such as: {first}"
            )

    write_atomically(data, write)
    table = {"names": names, "shapes": shapes, "skipped": skipped}
    write_atomically(index, lambda file: file.write(json.dumps(table).encode()))
    cache = _open(data, index)
    if cache is None:
        raise UserError(f"{data} changed while it was written; run again")
    return cache


def _decoded(listing: Listing, side: int) -> Iterator[tuple[str, Bytes | str]]:
    """Each picture's name with its shrunk bytes, or with the reason why it cannot be used.

    Decoded by threads (pillow lets go of the lock), yielded in order, few held at a time.
    """
    pending: deque[tuple[str, Future[Bytes | str]]] = deque()
    hidden = listing.count is not None and listing.count < _LONG
    with (
        warnings.catch_warnings(),  # decoding sets and restores them, in many threads at once
        ThreadPoolExecutor(_THREADS) as pool,
        Progress(disable=hidden, transient=True) as progress,
    ):
        task = progress.add_task("decoding photographs once", total=listing.count)
        for photo in listing.photos:
            pending.append((photo.name, pool.submit(_decode, photo, side)))
            if len(pending) == 4 * _THREADS:
                name, result = pending.popleft()
                yield name, result.result()
                progress.advance(task)
        for name, result in pending:
            yield name, result.result()


def _decode(photo: Photo, side: int) -> Bytes | str:
    try:
        return shrink(photo.decode().rgb, side)
    except UserError as error:
        return str(error)


def _check_room(folder: Path, needed: float) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise UserError(
            f"{folder} has {free / 1e9:.1f} GB free and the decoded photographs need"
            f" {needed / 1e9:.1f} GB more; free space, set STYLENET_CACHE to a folder on a larger"
            " disk, or lower data.cache_side"
        )
