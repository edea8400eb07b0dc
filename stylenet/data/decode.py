"""Decoding and shrinking photographs on all cores."""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from stylenet.data.duplicates import dhash
from stylenet.data.source import Photo
from stylenet.pictures.decoding import MOST_BYTES
from stylenet.pictures.images import Bytes
from stylenet.pictures.resizing import shrink
from stylenet.system.cpus import usable_cpus
from stylenet.system.errors import UserError
from stylenet.system.memory import out_of_memory_names
from stylenet.system.terminal import progress_bar

_THREADS = usable_cpus()
_AHEAD = 8 * _THREADS  # pictures in work; results keep their order, and some take far longer
_LONG = 300  # pictures; fewer are decoded too quickly for a progress bar

Decoded = tuple[Bytes, str]
"""A shrunk picture, uint8 (H, W, 3), and its dHash."""


def decoded(
    photos: Iterable[Photo], side: int, done: int, count: int | None
) -> Iterator[tuple[Photo, Decoded | str]]:
    """Decode each picture and shrink it to a shorter side of `side` pixels.

    Threads do the work, because Pillow releases the interpreter's lock. Results are yielded in
    order, and only few are held in memory.

    Args:
        done: number of pictures decoded before, for the progress bar.
        count: number of pictures in all, for the progress bar. None if it is unknown.

    Yields:
        The picture and its decoded form, or the reason why it cannot be used.
    """
    pending: deque[tuple[Photo, Future[Decoded | str]]] = deque()
    with (
        warnings.catch_warnings(),  # threads that decode change the filters concurrently
        ThreadPoolExecutor(_THREADS) as pool,
        _progress(hidden=count is not None and count - done < _LONG) as progress,
    ):
        warnings.simplefilter("ignore")
        task = progress.add_task("decoding photographs once", total=count, completed=done)
        for photo in photos:
            pending.append((photo, pool.submit(_decode, photo, side)))
            while len(pending) == _AHEAD or (pending and _held(pending) > MOST_BYTES):
                first, result = pending.popleft()
                yield first, result.result()
                progress.advance(task)
        for last, result in pending:
            yield last, result.result()
            progress.advance(task)


def _held(pending: Iterable[tuple[Photo, Future[Decoded | str]]]) -> int:
    """Bytes of the decoded pictures that wait. A narrow strip stays long when it is shrunk."""
    results = (future.result() for _, future in pending if future.done())
    return sum(result[0].nbytes for result in results if not isinstance(result, str))


def _decode(photo: Photo, side: int) -> Decoded | str:
    try:
        with out_of_memory_names(photo.name, "shrink it first"):
            rgb = shrink(photo.decode(side).rgb, side)
            return rgb, dhash(rgb)
    except UserError as error:
        return str(error)


class _Speed(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text("" if task.speed is None else f"{task.speed:.0f} images/s")


def _progress(hidden: bool) -> Progress:
    done = MofNCompleteColumn()
    columns = TextColumn("{task.description}"), BarColumn(), done, _Speed(), TimeRemainingColumn()
    return progress_bar(*columns, hidden=hidden)
