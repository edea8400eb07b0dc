"""Results among the photos they were made of: which pictures of a folder stylenet wrote."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stylenet.pictures.folders import find_pictures
from stylenet.system.cache_folder import cache_dir
from stylenet.system.errors import UserError
from stylenet.system.integrity import sha256_of
from stylenet.system.special_files import refuse_special

_log = logging.getLogger(__name__)


@dataclass
class Results:
    """The pictures that stylenet writes into a folder, and wrote there before.

    Their sums are kept in the cache; without it no picture is known for a result.

    folder: None where results lie apart from the photos, so that nobody needs to tell them apart.
    """

    folder: Path | None
    _sums: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        if self.folder is not None:
            self._sums = _noted(_note(self.folder))

    def note(self, picture: Path) -> None:
        """Remember a picture that was just written."""
        if self.folder is None or (found := _sum(picture)) is None or found in self._sums:
            return
        self._sums.add(found)
        note = _note(self.folder)
        try:
            note.parent.mkdir(parents=True, exist_ok=True)
            with note.open("a") as file:
                file.write(f"{found}\n")
        except OSError as error:
            _log.warning("cannot write %s (%s); the same command will be refused", note, error)

    def first_other(self) -> Path | None:
        """A picture in the folder that stylenet did not write, or that was changed since."""
        if self.folder is None or not self.folder.is_dir():
            return None
        pictures = find_pictures(self.folder)
        return next((each for each in pictures if _sum(each) not in self._sums), None)


def results_in(out: Path, inputs: Sequence[Path]) -> Results:
    """What is known of the results in `out`, where it lies in one of the folders searched.

    Raises:
        UserError: it does, and holds pictures that stylenet did not write.
    """
    around = next((folder for folder in inputs if lies_in(out, folder)), None)
    results = Results(None if around is None else out)
    if (other := results.first_other()) is not None:
        raise UserError(
            f"{out} lies in {around} and holds pictures that stylenet did not write, such as"
            f" {other}; choose a folder outside {around}"
        )
    return results


def lies_in(path: Path, folder: Path) -> bool:
    """Whether `path` is somewhere below `folder`, links followed."""
    return folder.is_dir() and folder.resolve() in path.resolve().parents


def _note(folder: Path) -> Path:
    """The file that holds the sha256 of each picture written into `folder`, one a line."""
    known_by = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()
    return cache_dir() / "results" / known_by


def _noted(note: Path) -> set[str]:
    try:
        refuse_special(note)
        return set(note.read_text(errors="replace").split())
    except (OSError, UserError):
        return set()


def _sum(picture: Path) -> str | None:
    try:
        return sha256_of(picture)
    except UserError:  # nobody can tell that it is a result
        return None
