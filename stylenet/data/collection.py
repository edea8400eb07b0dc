"""A collection that a task learns a style from: which it is, and a few of its pictures to show."""

from __future__ import annotations

from stylenet.data.folder import FolderPhotos
from stylenet.data.source import PhotoSource, key_sha256
from stylenet.pictures.images import Bytes
from stylenet.system.errors import UserError


def as_source(pictures: PhotoSource | str) -> PhotoSource:
    """A set of pictures as it is, or that of a folder."""
    return FolderPhotos(pictures) if isinstance(pictures, str) else pictures


def collection_note(source: PhotoSource, name: str) -> dict[str, str]:
    """What a checkpoint says of a collection, with the keys of `StylePicture.note`.

    The sum is that of its fingerprint, so that no run is resumed on other pictures.

    Raises:
        UserError: the collection cannot be found.
    """
    return {
        "name": name,
        "origin": "collection",
        "sha256": key_sha256(source),
        "credit": f"the pictures of {source.title}",
    }


def first_pictures(source: PhotoSource, count: int) -> list[tuple[str, Bytes]]:
    """Up to `count` that can be read: names and uint8 (H, W, 3).

    Raises:
        UserError: there are none, or the collection cannot be found.
    """
    found: list[tuple[str, Bytes]] = []
    for photo in source.listing().photos:
        try:
            found.append((photo.name, photo.decode().rgb))
        except UserError:  # told of, and counted, when the collection is decoded
            continue
        if len(found) == count:
            return found
    if not found:
        raise UserError(f"{source.title} holds no picture that can be used; give another folder")
    return found
