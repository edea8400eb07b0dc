"""Computing the items of an iterator in a thread, while its reader is busy with those before."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")

AHEAD = 2
"""Items that wait for their reader: enough for steps that take turns at being the slowest."""

_END: Any = object()


@contextmanager
def ahead(items: Iterable[T]) -> Iterator[Iterator[T]]:
    """The same items in the same order, of which a thread computes up to `AHEAD` in advance.

    An error of an item, Ctrl-C too, is raised in its place. The end of the block waits for the
    item at hand and computes no other.
    """
    thread = ThreadPoolExecutor(1)
    try:
        yield _in_order(iter(items), thread)
    finally:
        thread.shutdown(cancel_futures=True)


def _in_order(items: Iterator[T], thread: Executor) -> Iterator[T]:
    waiting = deque(thread.submit(next, items, _END) for _ in range(AHEAD))
    while (item := waiting.popleft().result()) is not _END:
        waiting.append(thread.submit(next, items, _END))
        yield item
