"""Style codes, for models that take any style: preparing a style picture, and mixing codes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stylenet.pictures.images import Bytes, Picture, resize

Code = NDArray[np.float32]
"""The code of a style. Either statistics of features, (1, n); or (1, m, 1 + T), a column of
statistics and then T places, whose last row holds logarithms of weights."""

SIDE = 256
"""Shorter side of a style picture in pixels. It sets the size of strokes."""


def fitted(style: Bytes) -> Bytes:
    """A style picture, uint8 (H, W, 3), scaled to a shorter side of `SIDE` pixels."""
    height, width = style.shape[:2]
    longer = round(SIDE * max(height, width) / min(height, width))
    return resize(Picture(style), longer).rgb


def mixed(codes: Sequence[Code], shares: Sequence[float]) -> Code:
    """Mix the codes of several styles into one code.

    Statistics are averaged (Huang & Belongie 2017, equation 15). The places of all styles are put
    side by side. Their weights let each style count by its share, however many places it has.

    Args:
        codes: all of one model. shares: above 0; they are divided by their sum.
    """
    whole = sum(shares)
    if len(codes) == 1:
        return codes[0]
    if codes[0].ndim == 2:
        weighted = [share / whole * code for share, code in zip(shares, codes, strict=True)]
        return np.asarray(np.sum(weighted, axis=0), dtype=np.float32)
    first = mixed([code[:, :, 0] for code in codes], shares)
    places = [code[:, :, 1:].copy() for code in codes]
    for place, share in zip(places, shares, strict=True):
        place[:, -1] += np.log(share / whole / place.shape[2])
    return np.concatenate([first[:, :, None], *places], axis=2)
