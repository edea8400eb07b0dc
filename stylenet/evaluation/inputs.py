"""What models are judged on: photos, style pictures, and which model meets which style."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from stylenet.data.folder import FolderPhotos
from stylenet.data.samples import SamplePhotos
from stylenet.pictures.images import Bytes, read_picture
from stylenet.pictures.resizing import resize_shorter_side
from stylenet.pictures.sides import MIN_LEARNABLE_SIDE
from stylenet.system.errors import shown
from stylenet.system.integrity import sha256_of

SIDE = 256
"""Shorter side, in pixels, to which photos are resized."""

PAINTING_SIDE = 512
"""Shorter side, in pixels, at which style pictures are compared with, as with strokes=medium."""


@dataclass(frozen=True)
class Input:
    """A picture: its name, the sha256 of its file, and how to read it, uint8 (H, W, 3)."""

    name: str
    sha256: str
    read: Callable[[], Bytes]

    def fitted(self) -> Bytes:
        """The picture with a shorter side of `SIDE` pixels.

        Raises:
            UserError: it cannot be read.
        """
        return resize_shorter_side(self.read(), SIDE)

    def painting(self) -> Bytes:
        """The picture with a shorter side of `PAINTING_SIDE` pixels.

        Raises:
            UserError: it cannot be read.
        """
        return resize_shorter_side(self.read(), PAINTING_SIDE)


@dataclass(frozen=True)
class Suite:
    """Photos, and the styles that every model is compared with.

    styles: None compares each model with its own style alone.
    """

    name: str
    photos: list[Input]
    styles: list[Input] | None


def samples() -> Suite:
    """The held-out photos of installed packages, and each model's own style.

    Raises:
        UserError: the packages lack the photos.
    """
    photos = [picture_file(file, file.stem) for file in SamplePhotos(held_out=True).files()]
    return Suite("samples", photos, None)


def coco_wikiart(content: Path, styles: Path) -> Suite:
    """Every photo below `content` (MS-COCO's) with every picture below `styles` (WikiArt's).

    Raises:
        UserError: no such folder, or one without pictures.
    """
    return Suite("coco-wikiart", _below(content), _below(styles))


def picture_file(file: Path, name: str) -> Input:
    """A picture file of at least 64x64.

    Raises:
        UserError: it cannot be opened.
    """
    return Input(
        shown(name), sha256_of(file), lambda: read_picture(file, min_side=MIN_LEARNABLE_SIDE).rgb
    )


def _below(folder: Path) -> list[Input]:
    files = FolderPhotos(str(folder)).files()
    return [picture_file(file, file.relative_to(folder.expanduser()).as_posix()) for file in files]
