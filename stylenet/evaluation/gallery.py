"""Pictures for the report: the first photos beside the results of all models."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass, field

from PIL import Image

from stylenet.pictures.images import Bytes

SHOWN = 8
"""The most photos and the most styles on a page. It stays small enough to be mailed."""

_QUALITY = 90


@dataclass
class Gallery:
    """Pictures as data URIs: styles by name, and rows of a photo and its results."""

    styles: dict[str, str] = field(default_factory=dict)
    rows: list[tuple[str, list[str]]] = field(default_factory=list)

    def add_style(self, name: str, rgb: Bytes) -> None:
        """Show a style, uint8 (H, W, 3)."""
        self.styles[name] = _uri(rgb)

    def add_row(self, name: str, pictures: Sequence[Bytes]) -> None:
        """Show a photo and its results, uint8 (H, W, 3) each."""
        self.rows.append((name, [_uri(rgb) for rgb in pictures]))


def _uri(rgb: Bytes) -> str:
    encoded = io.BytesIO()
    Image.fromarray(rgb).save(encoded, "JPEG", quality=_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(encoded.getvalue()).decode()
