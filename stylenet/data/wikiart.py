"""WikiArt: some 81 000 paintings with artist, genre and style, for collections of a style."""

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
    """The paintings that match every label given, in the dataset's spelling, or the first `limit`.

    artist, genre, style: the name or names to keep, such as "claude-monet", "landscape" and
        "Impressionism"; None keeps all.
    hub: the dataset, or a local folder of its parquet files. revision: as of `HubPhotos`.
    """
    labels = {"artist": artist, "genre": genre, "style": style}
    where = {
        column: [names] if isinstance(names, str) else list(names)
        for column, names in labels.items()
        if names is not None
    }
    return HubPhotos(hub, limit=limit, where=where, revision=revision)
