"""A collection of pictures that a task learns a style from: its identity and first pictures."""

from __future__ import annotations

from stylenet.data.folder import FolderPhotos
from stylenet.data.source import PhotoSource, key_sha256
from stylenet.pictures.images import Bytes
from stylenet.system.errors import UserError


def as_source(pictures: PhotoSource | str) -> PhotoSource:
    """The source itself, or the source of a folder's pictures if a path is given."""
    return FolderPhotos(pictures) if isinstance(pictures, str) else pictures


def collection_note(source: PhotoSource, name: str) -> dict[str, str]:
    """Describe a collection for a checkpoint, with the keys of `StylePicture.note`.

    Its SHA-256 is computed from the source's fingerprint, so no run is resumed on other pictures.

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
    """The first `count` pictures that can be read, or fewer: names and uint8 (H, W, 3).

    Raises:
        UserError: no picture can be read, or the collection cannot be found.
    """
    found: list[tuple[str, Bytes]] = []
    for photo in source.listing().photos:
        try:
            found.append((photo.name, photo.decode().rgb))
        except UserError:  # reported when the collection is decoded
            continue
        if len(found) == count:
            return found
    if not found:
        raise UserError(f"{source.title} holds no picture that can be used; give another folder")
    return found
