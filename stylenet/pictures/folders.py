"""Finding the picture files in a folder. Links are followed, unreadable formats reported."""

from __future__ import annotations

import logging
import os
from collections import Counter, deque
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from stylenet.pictures.formats import READABLE, UNREADABLE

_log = logging.getLogger(__name__)


def find_pictures(folder: Path, *, unreadable: bool = False) -> list[Path]:
    """The picture files in the tree of `folder`, sorted, without hidden files and folders.

    Links to folders are followed. A folder that is reached in several ways is searched once.
    One line of the log counts the pictures whose formats stylenet cannot read.

    Args:
        unreadable: also return broken links and folders that cannot be opened. Reading them then
            reports the fault, so nothing is missed in silence.
    """
    found: list[Path] = []
    left_out: Counter[str] = Counter()
    for path in _entries(folder):
        suffix = path.suffix.lower()
        if path.is_file():  # not a pipe, whose reader would wait
            if suffix in READABLE:
                found.append(path)
            left_out[suffix] += suffix in UNREADABLE
        elif unreadable and (path.is_dir() or (suffix in READABLE and not path.exists())):
            found.append(path)
    left_out = +left_out  # drops the zeros
    if left_out:
        kinds = ", ".join(f"{count} {suffix}" for suffix, count in sorted(left_out.items()))
        _warn_once(
            f"{folder}: left out {kinds}, which stylenet cannot read; convert to JPEG or PNG"
        )
    return sorted(found)


@cache
def _warn_once(line: str) -> None:
    """Log `line` only once, although a folder may be searched several times."""
    _log.warning("%s", line)


def _entries(folder: Path) -> Iterator[Path]:
    """The visible files in the tree of `folder`, and the folders that cannot be opened."""
    seen: set[tuple[int, int]] = set()
    linked: deque[Path] = deque([folder])  # searched last: files keep their real paths
    while linked:
        real = deque([linked.popleft()])
        while real:
            parent = real.popleft()
            try:
                status = parent.stat()
                if (status.st_dev, status.st_ino) in seen:
                    continue
                seen.add((status.st_dev, status.st_ino))
                with os.scandir(parent) as scan:
                    entries = sorted(scan, key=lambda entry: entry.name)
            except OSError:
                yield parent
                continue
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                path = parent / entry.name
                if not _is_folder(entry):
                    yield path
                elif entry.is_symlink():
                    linked.append(path)
                else:
                    real.append(path)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads back to itself
        return False
