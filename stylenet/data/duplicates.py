"""Which pictures show the same: found by dHash, a hash of what they show, not of their bytes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import numpy as np
from PIL import Image

from stylenet.data.index import Entry
from stylenet.pictures.images import Bytes

# Measured on 792 photographs. Saved again as JPEG of quality 30 or WebP of quality 50, at half or
# one and a half times the size, at least 99 % keep all but 5 of the 64 bits; among the 313 236
# pairs of different photographs none has fewer than 9 that differ. The two bounds below leave no
# room for the rare pair that comes closer in a larger set: colours of copies moved by 2.8 at most.
_BITS = 5
_COLOUR = 4  # of 255, of each channel's mean
_ASPECT = 0.03  # of width / height: a pixel of 64, twice

_BANDS = _BITS + 1  # of hashes that differ in `_BITS` bits at most, one band of these is equal
_BAND = 11  # bits: 6 * 11 >= 64


def dhash(rgb: Bytes) -> str:
    """A picture's dHash, the difference hash, and mean colour, 16 and 6 hexadecimal digits.

    rgb: uint8 (H, W, 3).

    The hash has a bit for each two neighbours in the rows of an 8x9 grey thumbnail: whether the
    right one is lighter.
    """
    image = Image.fromarray(rgb)
    grey = np.asarray(image.convert("L").resize((9, 8), Image.Resampling.BOX))
    colour = np.asarray(image.resize((1, 1), Image.Resampling.BOX))
    return np.packbits(grey[:, 1:] > grey[:, :-1]).tobytes().hex() + colour.tobytes().hex()


def find_duplicates(entries: Mapping[int, Entry]) -> dict[int, int]:
    """Each entry that looks like another, by its number, with the number of the one to keep.

    Of those that look alike the one with the most pixels is kept, the first among equals.

    entries: usable ones by number.
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
