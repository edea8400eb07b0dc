"""Which photos a command reads, and where it writes each result."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from stylenet.pictures.folders import find_pictures
from stylenet.pictures.formats import READABLE, UNREADABLE, file_format
from stylenet.pictures.images import has_transparency, output_suffix
from stylenet.pictures.results import lies_in
from stylenet.system.errors import UserError


def plan_targets(inputs: Sequence[Path], out: str) -> dict[Path, Path]:
    """Map each photo to the file of its result.

    Args:
        inputs: picture files, and folders to search.
        out: a file for a single photo, recognised by its picture suffix; otherwise a folder. The
            results keep the tree of a searched folder.

    Raises:
        UserError: a photo is missing, a folder has no photos, or a result would replace a photo
            or another result.
    """
    path = Path(out)
    if _names_a_file(out):
        targets = {_only_photo(inputs, path): path}
    elif path.is_file():
        raise UserError(f"{out} is a file with no picture suffix; give a folder or {out}.png")
    else:
        targets = {
            photo: (path / relative).with_suffix(output_suffix(photo))
            for photo, relative in _photos(inputs, path)
        }
    _refuse_doubles(targets)
    refuse_overwriting(targets.values(), targets)
    return targets


def _refuse_doubles(targets: Mapping[Path, Path]) -> None:
    seen: dict[Path, Path] = {}
    for photo, target in targets.items():
        if target in seen:
            raise UserError(f"{seen[target]} and {photo} would both become {target}; rename one")
        seen[target] = photo


def _names_a_file(out: str) -> bool:
    has_suffix = Path(out).suffix.lower() in READABLE | UNREADABLE
    return has_suffix and not out.endswith(("/", os.sep)) and not Path(out).is_dir()


def _only_photo(inputs: Sequence[Path], target: Path) -> Path:
    if len(inputs) > 1 or inputs[0].is_dir():
        raise UserError(f"{target} is one file for several photos; give a folder")
    [(photo, _)] = _photos(inputs, target)
    file_format(target, transparent=has_transparency(photo))
    return photo


def _photos(inputs: Sequence[Path], out: Path) -> Iterator[tuple[Path, Path]]:
    """Photo files, each with its path relative to `out`."""
    for path in inputs:
        if path.is_dir():
            yield from ((photo, photo.relative_to(path)) for photo in _photos_in(path, out))
        elif path.exists():
            yield path, Path(path.name)
        else:
            raise UserError(f"{path} does not exist; check the path")


def _photos_in(folder: Path, out: Path) -> list[Path]:
    """The photos in the tree of `folder`, without earlier results if `out` lies inside it."""
    if out.is_dir() and out.samefile(folder):
        raise UserError(f"{out} is the folder of the photos; choose another for the results")
    photos = find_pictures(folder)
    if lies_in(out, folder):
        photos = [photo for photo in photos if not lies_in(photo, out)]
    if not photos:
        raise UserError(f"{folder} has no pictures; they end in {' '.join(sorted(READABLE))}")
    return photos


def refuse_overwriting(outputs: Iterable[Path], inputs: Iterable[Path]) -> None:
    """Refuse an output that is also an input, even under another name.

    Files are compared by device and inode. Links, relative paths and letter case therefore do not
    hide an input. Missing files are ignored; whoever reads or writes them reports the fault.

    Args:
        inputs: files, and folders, which stand for the files directly in them.

    Raises:
        UserError: an output would replace an input.
    """
    present = [(path, status) for path in outputs if (status := _status(path)) is not None]
    if not present:
        return
    known = {(status.st_dev, status.st_ino): file for file, status in _files(inputs)}
    for path, status in present:
        file = known.get((status.st_dev, status.st_ino))
        if file is not None:
            same = "" if file == path else f", which is {file},"
            raise UserError(f"{path}{same} is read and would be replaced; choose another output")


def model_file(model: Path) -> Path:
    """The file of a model, given the file itself or the folder of its run.

    A run that is not finished has a checkpoint instead of a model.
    """
    if not model.is_dir():
        return model
    names = ("model.pt", "last.ckpt")
    return next((model / name for name in names if (model / name).exists()), model / names[0])


def _files(paths: Iterable[Path]) -> Iterator[tuple[Path, os.stat_result]]:
    for path in paths:
        status = _status(path)
        if status is None:
            continue
        yield path, status
        if stat.S_ISDIR(status.st_mode):
            for file in _listed(path):
                found = _status(file)
                if found is not None and not stat.S_ISDIR(found.st_mode):
                    yield file, found


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:  # whoever reads the folder reports the fault
        return []


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.expanduser().stat()
    except (OSError, ValueError, RuntimeError):
        return None
