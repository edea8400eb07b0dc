"""The protocol of a set of pictures: a title, a fingerprint, and pictures decoded on demand."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from stylenet.data.credit import Credit
from stylenet.pictures.images import Picture, read_picture
from stylenet.pictures.sides import MIN_LEARNABLE_SIDE
from stylenet.system.errors import reason


class Decode(Protocol):
    """Decodes a picture."""

    def __call__(self, shorter_side: int | None = None) -> Picture:
        """Decode; with `shorter_side`, the result may be reduced, to twice that side or more."""


@dataclass(frozen=True)
class Photo:
    """A picture that is decoded on demand.

    Attributes:
        name: the picture's name, for messages.
        decode: decodes the picture. It raises UserError if the picture cannot be used.
        labels: column → class, such as {"style": "Cubism"}. Empty if the source has no labels.
    """

    name: str
    decode: Decode
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Listing:
    """The pictures of a source in a fixed order. `count` is None if it is not known in advance."""

    count: int | None
    photos: Iterable[Photo]


class PhotoSource(Protocol):
    """A set of pictures. Constructing it is cheap, because its methods look at files on demand."""

    @property
    def title(self) -> str:
        """The name of the set in messages to the user."""

    @property
    def credit(self) -> Credit:
        """Where the pictures come from, and on what terms."""

    def key(self) -> str:
        """A fingerprint. It changes when the pictures change, and is otherwise equal in all runs.

        Raises:
            UserError: the set cannot be found.
        """

    def listing(self) -> Listing:
        """The pictures.

        Raises:
            UserError: the set cannot be found or is empty.
        """


def key_sha256(source: PhotoSource) -> str:
    """The SHA-256 of the fingerprint of `source`. File names in it may hold any bytes.

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
    """The path, size and modification time of a file, or its path and why it cannot be found."""
    try:
        stat = file.stat()
    except OSError as error:
        return f"{file.absolute()} {reason(error)}"
    return f"{file.absolute()} {stat.st_size} {stat.st_mtime_ns}"
