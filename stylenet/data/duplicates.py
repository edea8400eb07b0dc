"""Finding duplicate pictures by dHash, a hash of a picture's content instead of its bytes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import numpy as np
from PIL import Image

from stylenet.data.index import Entry
from stylenet.pictures.images import Bytes

# The bounds were measured on 792 photographs. Copies were saved as JPEG of quality 30 or WebP of
# quality 50, at half or one and a half times the size. At least 99 % of the copies differ from the
# original in at most 5 of the 64 bits. Each of the 313 236 pairs of different photographs differs
# in at least 9 bits. A larger set may hold closer pairs, so colour and aspect ratio must match,
# too. The mean colours of copies changed by at most 2.8.
_BITS = 5
_COLOUR = 4  # of 255; the greatest difference of a channel's mean
_ASPECT = 0.03  # greatest relative difference of width / height: one pixel of 64 in each picture

_BANDS = _BITS + 1  # hashes that differ in at most `_BITS` bits have an equal band
_BAND = 11  # bits; 6 * 11 >= 64


def dhash(rgb: Bytes) -> str:
    """A picture's dHash (difference hash) and its mean colour, as 16 and 6 hexadecimal digits.

    A grey thumbnail of 8 rows and 9 columns gives the hash. Each bit compares two neighbours in a
    row and says whether the right pixel is lighter.

    Args:
        rgb: uint8 (H, W, 3).
    """
    image = Image.fromarray(rgb)
    grey = np.asarray(image.convert("L").resize((9, 8), Image.Resampling.BOX))
    colour = np.asarray(image.resize((1, 1), Image.Resampling.BOX))
    return np.packbits(grey[:, 1:] > grey[:, :-1]).tobytes().hex() + colour.tobytes().hex()


def find_duplicates(entries: Mapping[int, Entry]) -> dict[int, int]:
    """Find entries that repeat others.

    Among duplicates, the entry with the most pixels is kept. Of equal sizes, the first is kept.

    Args:
        entries: index in the source → entry, for the usable entries.

    Returns:
        Index of a duplicate → index of the entry that is kept instead.
    """
    hashes = {number: int(entry.dhash[:16], 16) for number, entry in entries.items()}
    kept: dict[tuple[int, int], list[int]] = defaultdict(list)
    duplicates: dict[int, int] = {}
    for number in sorted(entries, key=lambda number: -entries[number].size):
        bands = _bands(hashes[number])
        for other in (other for band in bands for other in kept[band]):
            bits = (hashes[number] ^ hashes[other]).bit_count()
            if bits <= _BITS and _alike_otherwise(entries[number], entries[other]):
                duplicates[number] = other
                break
        else:
            for band in bands:
                kept[band].append(number)
    return dict(sorted(duplicates.items()))


def _bands(bits: int) -> list[tuple[int, int]]:
    return [(band, bits >> band * _BAND & (1 << _BAND) - 1) for band in range(_BANDS)]


def _alike_otherwise(one: Entry, other: Entry) -> bool:
    return (
        _colour_distance(one, other) <= _COLOUR
        and abs(_aspect(one) / _aspect(other) - 1) <= _ASPECT
    )


def _colour_distance(one: Entry, other: Entry) -> int:
    colours = zip(bytes.fromhex(one.dhash[16:]), bytes.fromhex(other.dhash[16:]), strict=True)
    return max(abs(a - b) for a, b in colours)


def _aspect(entry: Entry) -> float:
    assert entry.shape is not None
    return entry.shape[1] / entry.shape[0]
