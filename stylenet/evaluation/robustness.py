"""How steady a net is: a small change of the photo should make a small change of the result."""

from __future__ import annotations

import numpy as np

from stylenet.pictures.images import Bytes
from stylenet.runtime.stylizer import Net

NOISE = 4
"""Standard deviation of the noise in grey levels, as of a phone's camera in a dim room."""

BRIGHTER = 25
"""Grey levels by which the photo becomes lighter and darker: a tenth of the range."""


def robustness(net: Net, photo: Bytes, stylized: Bytes) -> dict[str, float]:
    """How the result changes with the photo, in grey levels of 255.

    Args:
        photo: uint8 (H, W, 3). stylized: what `net` makes of it.

    Returns:
        ``noise``, ``brighter``, ``darker``, ``shift``: the mean absolute change of the result when
        the photo becomes noisy, lighter, darker, or moves by a pixel (and the result moves back).
        ``flat``: the standard deviation of the result within a patch of one colour. The patch
        covers a quarter of the photo.
    """
    changed = {
        "noise": _noisy(photo),
        "brighter": _clipped(photo + np.float32(BRIGHTER)),
        "darker": _clipped(photo - np.float32(BRIGHTER)),
    }
    found = {name: _difference(net(picture), stylized) for name, picture in changed.items()}
    found["shift"] = _difference(net(_shifted(photo))[:-1, :-1], stylized[1:, 1:])
    found["flat"] = float(_middle(net(_with_patch(photo))).std((0, 1)).mean())
    return found


def _noisy(photo: Bytes) -> Bytes:
    noise = np.random.default_rng(0).standard_normal(photo.shape, np.float32)
    return _clipped(photo + NOISE * noise)


def _clipped(levels: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> Bytes:
    return np.clip(np.round(levels), 0, 255).astype(np.uint8)


def _difference(first: Bytes, second: Bytes) -> float:
    return float(np.abs(first.astype(np.float32) - second).mean())


def _shifted(photo: Bytes) -> Bytes:
    """Each pixel one up and one to the left; the last row and column are repeated."""
    return np.pad(photo, ((0, 1), (0, 1), (0, 0)), mode="edge")[1:, 1:]


def _with_patch(photo: Bytes) -> Bytes:
    patched = photo.copy()
    _middle(patched, margin=0)[:] = _middle(photo, margin=0).mean((0, 1)).round()
    return patched


def _middle(rgb: Bytes, margin: float = 1 / 8) -> Bytes:
    """The patch, half as high and wide as the picture, less `margin` of it on each side."""
    height, width = rgb.shape[:2]
    top, left = height // 4, width // 4
    down, across = round(height // 2 * margin), round(width // 2 * margin)
    rows = slice(top + down, top + height // 2 - down)
    return rgb[rows, left + across : left + width // 2 - across]
