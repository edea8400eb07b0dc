"""The picture files of a folder and its sub-folders."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from stylenet.data.credit import Credit
from stylenet.data.source import Listing, Photo, file_photo, fingerprint
from stylenet.pictures.folders import find_pictures
from stylenet.pictures.formats import READABLE
from stylenet.system.errors import UserError


@dataclass(frozen=True)
class FolderPhotos:
    """The picture files below `path` at any depth, in the order of their names.

    Hidden files are left out. A file's label is its sub-folder.

    Attributes:
        path: the folder.
        without: another folder, whose files are left out. Symbolic links are resolved to find them
            below `path`. Photographs held out for validation are thus never trained on.
        limit: take only the first `limit` files.
        licence: of the pictures, as their owner states it. None if nobody stated one.
        known_as: the name of a published set that lies in the folder.
    """

    path: str
    without: str | None = None
    limit: int | None = None
    licence: str | None = None
    known_as: str = "a folder of its user's"

    @property
    def title(self) -> str:
        return self.path

    @property
    def credit(self) -> Credit:
        return Credit(self.known_as, self.licence)

    def key(self) -> str:
        return "\n".join(["folder", *map(fingerprint, self.files())])

    def listing(self) -> Listing:
        files = self.files()
        root = Path(self.path).expanduser()
        return Listing(len(files), [_photo(file.relative_to(root), root) for file in files])

    def files(self) -> list[Path]:
        """The picture files, sorted.

        Raises:
            UserError: `path` is no folder, holds no picture file, or all of its files are left out.
        """
        files = _picture_files(self.path)
        if self.without is not None:
            left_out = {os.path.realpath(file) for file in _picture_files(self.without)}
            files = [file for file in files if os.path.realpath(file) not in left_out]
            if not files:
                raise UserError(
                    f"every picture of {self.path} is also in {self.without}, which is held out;"
                    " give different folders"
                )
        return files[: self.limit]


def _photo(name: Path, root: Path) -> Photo:
    return file_photo(root / name, str(name), {"folder": str(name.parent)})


def _picture_files(folder: str) -> list[Path]:
    root = Path(folder).expanduser()
    if not root.is_dir():
        raise UserError(f"{folder} is not a folder; give a folder of photographs")
    files = find_pictures(root, unreadable=True)
    if not files:
        suffixes = " ".join(sorted(READABLE))
        raise UserError(f"{folder} holds no pictures; give a folder with some of {suffixes}")
    return files
