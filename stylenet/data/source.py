"""What a set of pictures must offer: a name, a fingerprint and its pictures, decoded on demand."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from stylenet.pictures.images import Picture, read_picture
from stylenet.pictures.sides import MIN_LEARNABLE_SIDE
from stylenet.system.errors import reason


class Decode(Protocol):
    """Decodes a picture."""

    def __call__(self, shorter_side: int | None = None) -> Picture:
        """The picture; with `shorter_side`, it may come smaller, but at least twice so large."""


@dataclass(frozen=True)
class Photo:
    """A picture that is decoded when asked for; `decode` raises UserError where it cannot be.

    labels: its class by column, such as {"style": "Cubism"}; empty where the source has none.
    """

    name: str
    decode: Decode
    labels: Mapping[str, str] = field(default_factory=dict)


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


def key_sha256(source: PhotoSource) -> str:
    """The sum of what `source` is known by, in which file names may be any bytes.

    Raises:
        UserError: the set cannot be found.
    """
    return hashlib.sha256(source.key().encode(errors="surrogateescape")).hexdigest()


def file_photo(path: Path, name: str, labels: Mapping[str, str] | None = None) -> Photo:
    """The picture file at `path`."""

    def decode(shorter_side: int | None = None) -> Picture:
        return read_picture(path, min_side=MIN_LEARNABLE_SIDE, shorter_side=shorter_side)

    return Photo(name, decode, labels or {})


def fingerprint(file: Path) -> str:
    """The path, size and time of change of a file, or that it cannot be found."""
    try:
        stat = file.stat()
    except OSError as error:
        return f"{file.absolute()} {reason(error)}"
    return f"{file.absolute()} {stat.st_size} {stat.st_mtime_ns}"
