"""What a set of pictures must offer: a name, a fingerprint and its pictures, decoded on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from stylenet.images import Picture, read_picture

MIN_SIDE = 64
"""Pictures whose shorter side is below this many pixels are skipped: nothing to learn from."""


@dataclass(frozen=True)
class Photo:
    """A picture that is decoded when asked for; `decode` raises UserError where it cannot be."""

    name: str
    decode: Callable[[], Picture]


@dataclass(frozen=True)
class Listing:
    """The pictures of a source in a fixed order; `count` is None where only the end will tell."""

    count: int | None
    photos: Iterable[Photo]


class PhotoSource(Protocol):
    """A set of pictures, cheap to construct: files are looked at only when asked for."""

    @property
    def title(self) -> str:
        """What to call the set in a message to the user."""

    def key(self) -> str:
        """A fingerprint that changes when the pictures do and is the same in every run.

        Raises:
            UserError: the set cannot be found.
        """

    def listing(self) -> Listing:
        """The pictures.

        Raises:
            UserError: the set cannot be found or is empty.
        """


def file_photo(path: Path, name: str) -> Photo:
    """The picture file at `path`."""
    return Photo(name, lambda: read_picture(path, min_side=MIN_SIDE))


def fingerprint(file: Path) -> str:
    """The path, size and time of change of a file."""
    stat = file.stat()
    return f"{file.absolute()} {stat.st_size} {stat.st_mtime_ns}"
