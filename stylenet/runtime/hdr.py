"""Tone mapping: HDR → the range of a usual screen.

Diffuse white, 203 nits (ITU-R BT.2408), becomes 235 of 255. This leaves room for highlights. 1000
nits and more become white. The curve is the EETF of ITU-R BT.2390. The EETF and the OOTF of HLG are
applied to each of R, G and B. So greys are exact, and highlights lose some colour.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from stylenet.pictures.images import Bytes

Floats = NDArray[np.float64]

_PEAK = 1000.0
"""Brightest white of the screen that a clip is made for, in nits."""

_SCREEN = 170.0
"""White of a usual screen in nits, chosen so that diffuse white becomes 235."""

_TO_709 = {
    9: [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]],
    12: [[1.2249, -0.2247, 0.0], [-0.0420, 1.0419, 0.0], [-0.0197, -0.0786, 1.0979]],
}
"""Primaries in H.273 → matrix to BT.709 in linear light: from BT.2020 (ITU-R BT.2087) and from
Display P3."""


def tone_map(values: NDArray[np.uint16], kind: str, primaries: int) -> Bytes:
    """HDR (H, W, 3), uint16 over the full range → uint8 (H, W, 3), BT.709.

    Args:
        kind: ``PQ`` or ``HLG``. primaries: as H.273 numbers them.
    """
    light = _light(kind)[values]
    if primaries in _TO_709:
        light = light @ np.array(_TO_709[primaries], np.float32).T
    shown = np.clip(light, 0, 1) ** np.float32(1 / 2.4)  # gamma of a usual screen, BT.1886
    return np.round(shown * 255).astype(np.uint8)


@lru_cache
def _light(kind: str) -> NDArray[np.float32]:
    """Tone-mapped linear light in [0, 1] for each of the 65536 values of the signal."""
    signal = np.arange(65536) / 65535
    nits = _from_pq(signal) if kind == "PQ" else _PEAK * _from_hlg(signal) ** 1.2  # OOTF
    return (_rolled_off(np.minimum(nits, _PEAK)) / _SCREEN).astype(np.float32)


def _rolled_off(nits: Floats) -> Floats:
    """The EETF of BT.2390: the identity below a knee, then a Hermite spline to a screen's white."""
    peak = _to_pq(np.array(_PEAK))
    value, white = _to_pq(nits) / peak, _to_pq(np.array(_SCREEN)) / peak
    knee = 1.5 * white - 0.5
    t = np.maximum(value - knee, 0) / (1 - knee)
    spline = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee)
    spline += (-2 * t**3 + 3 * t**2) * white
    return _from_pq(np.where(value < knee, value, spline) * peak)


_M1, _M2, _C1, _C2, _C3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
"""Constants of PQ (SMPTE ST 2084)."""


def _from_pq(signal: Floats) -> Floats:
    """The PQ signal in [0, 1] → nits."""
    power = signal ** (1 / _M2)
    nits: Floats = 10000 * (np.maximum(power - _C1, 0) / (_C2 - _C3 * power)) ** (1 / _M1)
    return nits


def _to_pq(nits: Floats) -> Floats:
    power = (nits / 10000) ** _M1
    signal: Floats = ((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2
    return signal


def _from_hlg(signal: Floats) -> Floats:
    """The HLG signal in [0, 1] → scene light in [0, 1]: the inverse OETF of ARIB STD-B67."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
