"""WikiArt: some 81 000 paintings, labelled with artist, genre and style."""

from __future__ import annotations

from collections.abc import Sequence

from stylenet.data.hub import HubPhotos

HUB = "huggan/wikiart"


def wikiart_paintings(
    artist: str | Sequence[str] | None = None,
    genre: str | Sequence[str] | None = None,
    style: str | Sequence[str] | None = None,
    hub: str = HUB,
    limit: int | None = None,
    revision: str | None = None,
) -> HubPhotos:
    """The paintings that match every given label.

    Args:
        artist: name or names to keep, in the dataset's spelling, such as "claude-monet". None
            keeps all.
        genre: name or names to keep, such as "landscape". None keeps all.
        style: name or names to keep, such as "Impressionism". None keeps all.
        hub: the dataset's name on the hub, or a local folder of its parquet files.
        limit: take only the first `limit` of the matching paintings.
        revision: see `HubPhotos`.
    """
    labels = {"artist": artist, "genre": genre, "style": style}
    where = {
        column: [names] if isinstance(names, str) else list(names)
        for column, names in labels.items()
        if names is not None
    }
    return HubPhotos(hub, limit=limit, where=where, revision=revision)
