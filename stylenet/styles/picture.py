"""The picture of a style: a user's file, the cached or fetched original, or a homage."""

from __future__ import annotations

import hashlib
import io
import logging
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from stylenet.pictures.images import read_picture, write_atomically
from stylenet.pictures.sides import MIN_LEARNABLE_SIDE
from stylenet.styles.homage import Recipe, paint
from stylenet.styles.known import originals
from stylenet.system.cache_folder import cache_dir
from stylenet.system.errors import UserError
from stylenet.system.fetching import UnfetchableError, fetch

Origin = Literal["file", "cache", "download", "homage"]

OURS = "MIT, as stylenet"
"""The licence of what stylenet paints itself."""

_HOMAGE_SIZE = (512, 640)  # height, width
_HOMAGE_SEED = 0

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StylePicture:
    """The picture that a run learns from.

    name: the name of the style, or the stem of a user's file;
    rgb: uint8 (H, W, 3) sRGB, both sides at least `MIN_LEARNABLE_SIDE`;
    origin: where the picture comes from;
    sha256: the sum of the file's bytes; for a homage, the sum of its pixels;
    credit: the work and its artist, or the path of a user's file;
    licence: the picture's, as its owner states it; None if nobody stated one;
    data: the bytes of a user's file.
    """

    name: str
    rgb: NDArray[np.uint8]
    origin: Origin
    sha256: str
    credit: str
    licence: str | None = None
    data: bytes | None = field(default=None, repr=False)

    def note(self) -> dict[str, str | None]:
        """The note on the picture in a checkpoint: everything but the pixels."""
        return {
            "name": self.name,
            "origin": self.origin,
            "sha256": self.sha256,
            "credit": self.credit,
            "licence": self.licence,
        }


@dataclass(frozen=True)
class Style:
    """Where to get a style's picture. Nothing is read before `picture` is called.

    All values must come from a user or a shipped config. Paths and addresses from other files are
    not safe to open.

    name, title, artist, year: of the work. A style without a title is a user's own.
    image: a user's file, which has priority over the original.
    url, sha256: the pinned original and the sum of its bytes. The original is fetched only if both
        belong to a shipped style. Without a url, the sum belongs to `image`. With a url and an
        `image`, the file may be another scan: another sum only causes a warning. The picture is
        then credited to its path.
    homage: the recipe to paint if the original cannot be fetched.
    licence: of the original or, without a url, of `image`; None if nobody stated one. With both, an
        `image` of another sum has no known licence.
    """

    name: str
    title: str | None = None
    artist: str | None = None
    year: int | None = None
    image: str | None = None
    url: str | None = None
    sha256: str | None = None
    homage: Recipe | None = None
    licence: str | None = None

    def picture(self, mend: str = "style.image=PATH") -> StylePicture:
        """The picture: `image`, else the cached or fetched original, else the homage.

        A fetched original is kept in the cache. A warning in the log tells of a homage.

        Args:
            mend: the option with which a user gives the picture, for messages.

        Raises:
            UserError: a file is missing, no picture, too small or has a wrong sum; the url sent
                another file than the original; or the style has no source of a picture.
        """
        if self.image is not None:
            return self._given(Path(self.image).expanduser())
        if self.url is None or self.sha256 is None:
            raise UserError(f"style={self.name} needs style.image=PATH")
        shipped = _shipped(self.url, self.sha256)
        if shipped is None:
            raise UserError(
                f"{self.url} belongs to no shipped style, so it is not fetched; give {mend}"
            )
        cached = cache_dir() / "styles" / f"{shipped}{PurePosixPath(self.url).suffix}"
        if (data := _read_cached(cached)) is not None:
            self._check(data, f"{cached} is damaged", "delete it and it is fetched again")
            return self._original(data, "cache")
        try:
            data = fetch(self.url)
        except UnfetchableError as error:
            return self._painted(str(error), mend)
        self._check(data, f"{self.url} is altered", f"give the picture with {mend}")
        original = self._original(data, "download")
        _write_cached(data, cached)
        return original

    def _given(self, path: Path) -> StylePicture:
        rgb = read_picture(path, min_side=MIN_LEARNABLE_SIDE).rgb
        data = path.read_bytes()
        own = self.url is None
        if own:
            self._check(data, f"{path} is another file", "check style.image and style.sha256")
        elif not self._matches(data):
            _log.warning("%s is not the pinned picture of %s; it is used as it is", path, self.name)
        name = path.stem if own else self.name
        licence = self.licence if own else None
        return StylePicture(name, rgb, "file", _sha256(data), str(path), licence, data)

    def _original(self, data: bytes, origin: Origin) -> StylePicture:
        rgb = read_picture(io.BytesIO(data), min_side=MIN_LEARNABLE_SIDE).rgb
        credit = ", ".join(filter(None, (self._work(), self.licence)))
        return StylePicture(self.name, rgb, origin, _sha256(data), credit, self.licence)

    def _painted(self, why: str, mend: str) -> StylePicture:
        if self.homage is None:
            raise UserError(f"{self.url} could not be fetched ({why}); give {mend}")
        _log.warning(
            "%s could not be fetched (%s); a homage painted by stylenet stands in for it; "
            "give the picture with %s",
            self.name,
            why,
            mend,
        )
        rgb = paint(self.homage, _HOMAGE_SIZE, _HOMAGE_SEED)
        credit = f"Homage to {self._work()}, painted by stylenet"
        return StylePicture(self.name, rgb, "homage", _sha256(rgb.tobytes()), credit, OURS)

    def _work(self) -> str:
        return ", ".join(str(part) for part in (self.title, self.artist, self.year) if part)

    def _matches(self, data: bytes) -> bool:
        return self.sha256 is None or _sha256(data) == self.sha256.lower()

    def _check(self, data: bytes, what: str, mend: str) -> None:
        if not self._matches(data):
            raise UserError(f"{what} (sha256 {_sha256(data)}, not {self.sha256}); {mend}")


def _shipped(url: str, sha256: str) -> str | None:
    """The name of the shipped style with this original; None if there is none."""
    return originals().get((url, sha256.lower()))


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _read_cached(cached: Path) -> bytes | None:
    # An unreadable cache does not stop the run: the picture is fetched again.
    try:
        return cached.read_bytes()
    except OSError:
        return None


def _write_cached(data: bytes, cached: Path) -> None:
    # An unwritable cache does not stop the run: the picture has been fetched.
    try:
        write_atomically(cached, lambda file: file.write(data))
    except UserError as error:
        _log.warning("the style picture is fetched anew each time: %s", error)
