"""Photographs for calibration and for the proof of eight-bit models."""

from __future__ import annotations

from dataclasses import dataclass

from stylenet.data.folder import FolderPhotos
from stylenet.data.samples import SamplePhotos
from stylenet.data.source import PhotoSource
from stylenet.pictures.images import Bytes
from stylenet.pictures.resizing import square
from stylenet.system.errors import UserError

SIDE = 256
"""Side of every calibration photo, in pixels: histograms of mixed sizes do not add up."""

MOST = 32
"""Photos to calibrate on, at most. With more photos, a trained net's scales hardly change."""

_PROVEN = 3


@dataclass(frozen=True)
class Photos:
    """Photos to calibrate on, and others, by name, to prove the result on."""

    calibration: list[Bytes]
    proof: dict[str, Bytes]

    def squares(self, side: int) -> list[Bytes]:
        """The middle of each photo of the proof, (side, side, 3)."""
        return [square(rgb, side) for rgb in self.proof.values()]


def photos(folder: str | None) -> Photos:
    """The pictures of a folder, the last three for the proof; None takes embedded photos.

    Raises:
        UserError: fewer than four can be used.
    """
    if folder is None:
        calibration = _decoded(SamplePhotos(), MOST)
        proof = _decoded(SamplePhotos(held_out=True), _PROVEN)
    else:
        found = _decoded(FolderPhotos(folder), MOST + _PROVEN)
        if len(found) <= _PROVEN:
            raise UserError(
                f"{folder} has {len(found)} usable photos; calibration needs at least 4"
            )
        calibration, proof = found[:-_PROVEN], found[-_PROVEN:]
    return Photos([rgb for _, rgb in calibration], dict(proof))


def _decoded(source: PhotoSource, most: int) -> list[tuple[str, Bytes]]:
    """Up to `most` photos and their names. Photos that cannot be read are left out."""
    found: list[tuple[str, Bytes]] = []
    for photo in source.listing().photos:
        if len(found) == most:
            break
        try:
            found.append((_readable(photo.name), photo.decode().rgb))
        except UserError:
            continue
    return found


def _readable(name: str) -> str:
    """A file's name, which may be any bytes, as text that a model's metadata can hold."""
    return name.encode(errors="surrogateescape").decode(errors="replace")
