"""The index of a cache: what became of each picture, written down as the cache grows.

A file of JSON lines that is only ever appended to, so that a run killed at any moment leaves a
prefix of it: a line for every few hundred pictures, one that says that these are all, and one that
names the duplicates among them. Each line ends in its CRC-32.
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
    """What became of one picture of a source.

    labels: its classes by column, see `Photo`.
    shape: height and width in the cache; None where it cannot be used.
    dhash: its `stylenet.data.duplicates.dhash`; empty where it cannot be used.
    reason: why it cannot be used; empty where it can.
    digest: of its pixels in the cache; empty where it cannot be used, and in older caches.
    """

    name: str
    labels: Mapping[str, str]
    shape: tuple[int, int] | None = None
    dhash: str = ""
    reason: str = ""
    digest: str = ""

    @property
    def size(self) -> int:
        """Bytes in the cache."""
        return 0 if self.shape is None else self.shape[0] * self.shape[1] * 3


@dataclass
class Index:
    """What an index file says.

    entries: in the order of the source; those with a shape are the cache's content, in order.
    whole: whether these are all.
    duplicates: number of an entry → number of the one kept in its place; None before anyone has
        looked for them.
    length: bytes of the file that could be read; what follows was cut short.
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
    """The index at `path`, as far as a killed run has come; an empty one where it is damaged."""
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
    """The JSON of a line, held against the sum behind it; earlier versions wrote none."""
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
    """Note what became of the next pictures."""
    _append(file, {"pictures": [astuple(entry) for entry in entries]})


def append_end(file: IO[bytes]) -> None:
    """Note that these are all pictures."""
    _append(file, {"whole": True})


def append_duplicates(file: IO[bytes], duplicates: Mapping[int, int]) -> None:
    """Note which entries to leave out, and which each one repeats."""
    _append(file, {"duplicates": list(duplicates.items())})


def _append(file: IO[bytes], table: dict[str, Any]) -> None:
    text = json.dumps(table).encode()
    file.write(text + b"\t%08x\n" % crc32(text))
    file.flush()


@contextmanager
def locked(path: Path) -> Iterator[IO[bytes]]:
    """The index at `path`, made if missing, to be appended to by this process alone.

    Waits until no other process holds it. The lock goes with the process, however it ends.

    Raises:
        OSError: the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with path.open("ab") as file:
            _lock(file)
            if _is_still_at(path, file):  # not removed by the process that held it
                yield file
                return


def _lock(file: IO[bytes]) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        _log.warning("waiting for another run, which is decoding these photographs")
        fcntl.flock(file, fcntl.LOCK_EX)


def _is_still_at(path: Path, file: IO[bytes]) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
