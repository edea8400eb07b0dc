"""One function for each choice of `data=…` with arguments of its own; it returns the module."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stylenet.data.coco import coco_photos
from stylenet.data.folder import FolderPhotos
from stylenet.data.hub import HubPhotos
from stylenet.data.module import PhotoDataModule
from stylenet.data.source import PhotoSource
from stylenet.data.stream import HubStream
from stylenet.data.wikiart import wikiart_paintings
from stylenet.system.errors import UserError


def folder(path: str | None, licence: str | None = None, **options: Any) -> PhotoDataModule:
    """`data=folder`: train on the photographs below a folder, whose `licence` is theirs.

    Raises:
        UserError: `path` is None.
    """
    if path is None:
        raise UserError("data=folder needs a folder of photographs; add data.path=FOLDER")
    return PhotoDataModule(FolderPhotos(path, licence=licence), **options)


def coco(
    path: str | None,
    hub: str,
    limit: int | None,
    streaming: bool,
    revision: str | None = None,
    **options: Any,
) -> PhotoDataModule:
    """`data=coco`: see `coco_photos`. `streaming` trains from the hub without a cache."""
    photos = coco_photos(path, hub, _checked(limit), revision)
    return PhotoDataModule(_source(photos, streaming), **options)


def wikiart(
    artist: str | Sequence[str] | None,
    genre: str | Sequence[str] | None,
    style: str | Sequence[str] | None,
    hub: str,
    limit: int | None,
    streaming: bool,
    revision: str | None = None,
    **options: Any,
) -> PhotoDataModule:
    """`data=wikiart`: see `wikiart_paintings`. `streaming` trains from the hub without a cache."""
    paintings = wikiart_paintings(artist, genre, style, hub, _checked(limit), revision)
    return PhotoDataModule(_source(paintings, streaming), **options)


def _source(photos: PhotoSource, streaming: bool) -> PhotoSource | HubStream:
    if not streaming:
        return photos
    if not isinstance(photos, HubPhotos):
        raise UserError(
            "data.streaming=true reads from the hub; leave out data.path or data.streaming"
        )
    return HubStream(photos)


def _checked(limit: int | None) -> int | None:
    if limit is not None and limit < 1:
        raise UserError(f"data.limit={limit} leaves no pictures; give 1 or more, or null for all")
    return limit
