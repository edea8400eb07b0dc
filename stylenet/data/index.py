"""The index of a photo cache: a file that records each picture as it is added to the cache.

The file holds JSON lines and is only appended to. A run killed at any moment thus leaves a valid
beginning of it. Most lines record a few hundred pictures each. One line marks the list as complete,
and one line names the duplicates. Each line ends with its CRC-32.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import IO, Any
from zlib import crc32

_DHASH = re.compile("[0-9a-f]{22}")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Entry:
    """The record of one picture of a source, usable or not.

    Attributes:
        name: the picture's name.
        labels: column → class, see `Photo`.
        shape: height and width in the cache. None if the picture cannot be used.
        dhash: the result of `stylenet.data.duplicates.dhash`. Empty if the picture cannot be used.
        reason: why the picture cannot be used. Empty if it can.
        digest: hash of the pixels in the cache. Empty if the picture cannot be used. Older caches
            lack it, so it is empty there, too.
    """

    name: str
    labels: Mapping[str, str]
    shape: tuple[int, int] | None = None
    dhash: str = ""
    reason: str = ""
    digest: str = ""

    @property
    def size(self) -> int:
        """Bytes of the picture in the cache."""
        return 0 if self.shape is None else self.shape[0] * self.shape[1] * 3


@dataclass
class Index:
    """The content of an index file.

    Attributes:
        entries: the entries in the order of the source. The cache holds the pictures of all
            entries with a shape, in this order.
        whole: whether the entries are all pictures of the source.
        duplicates: index of a duplicate entry → index of the entry kept instead. None before
            duplicates have been looked for.
        length: bytes of the file up to its last whole line. A line after it was cut short.
    """

    entries: list[Entry] = field(default_factory=list)
    whole: bool = False
    duplicates: dict[int, int] | None = None
    length: int = 0

    @property
    def size(self) -> int:
        """Bytes of the cache."""
        return sum(entry.size for entry in self.entries)


def read_index(path: Path) -> Index:
    """Read the index at `path`, which a killed run may have left unfinished; empty if damaged."""
    index = Index()
    try:
        with path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):  # cut short
                    break
                _add(index, line)
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return Index()
    return index


def _add(index: Index, line: bytes) -> None:
    table = json.loads(_checked(line))
    if table == {"whole": True}:
        index.whole = True
    elif "duplicates" in table:
        index.duplicates = dict(table["duplicates"])
        good = {number for number, entry in enumerate(index.entries) if entry.shape}
        _require(good.issuperset(index.duplicates) and good.issuperset(index.duplicates.values()))
    else:
        _require(not index.whole)
        index.entries += [_entry(*values) for values in table["pictures"]]
    index.length += len(line)


def _checked(line: bytes) -> bytes:
    """The JSON of a line, checked by its CRC-32. Lines of earlier versions have no CRC-32."""
    text, tab, number = line[:-1].rpartition(b"\t")
    if tab:
        _require(int(number, 16) == crc32(text))
    return text if tab else line


def _entry(
    name: str,
    labels: dict[str, str],
    shape: list[int] | None,
    dhash: str,
    reason: str,
    digest: str = "",
) -> Entry:
    _require(all(isinstance(text, str) for text in (name, reason, digest)))
    _require(isinstance(labels, dict))
    _require(all(isinstance(text, str) for pair in labels.items() for text in pair))
    if shape is None:
        return Entry(name, labels, None, dhash, reason, digest)
    height, width = shape
    _require(all(isinstance(side, int) and side > 0 for side in shape))
    _require(_DHASH.fullmatch(dhash) is not None)
    return Entry(name, labels, (height, width), dhash, reason, digest)


def _require(fits: bool) -> None:
    if not fits:
        raise ValueError("damaged")


def append_entries(file: IO[bytes], entries: Sequence[Entry]) -> None:
    """Record the next pictures."""
    _append(file, {"pictures": [astuple(entry) for entry in entries]})


def append_end(file: IO[bytes]) -> None:
    """Record that the list of pictures is complete."""
    _append(file, {"whole": True})


def append_duplicates(file: IO[bytes], duplicates: Mapping[int, int]) -> None:
    """Record the duplicate entries, each with the entry that is kept instead."""
    _append(file, {"duplicates": list(duplicates.items())})


def _append(file: IO[bytes], table: dict[str, Any]) -> None:
    text = json.dumps(table).encode()
    file.write(text + b"\t%08x\n" % crc32(text))
    file.flush()


@contextmanager
def locked(path: Path) -> Iterator[IO[bytes]]:
    """Open the index at `path` for appending, and lock it for this process. Create it if missing.

    The call waits until no other process holds the lock. The lock ends with the process, even if
    the process is killed.

    Raises:
        OSError: the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with path.open("ab") as file:
            _lock(file)
            if _is_still_at(path, file):  # the process that held the lock may have removed the file
                yield file
                return


def _lock(file: IO[bytes]) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        _log.warning("waiting for another run that is decoding these photographs")
        fcntl.flock(file, fcntl.LOCK_EX)


def _is_still_at(path: Path, file: IO[bytes]) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
