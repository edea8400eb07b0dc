"""The folder of a run: its name, which run is the newest, and who may write into it."""

from __future__ import annotations

import datetime
import errno
import fcntl
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import IO

from stylenet.runs.saved_config import CONFIG, read_config
from stylenet.system.errors import UserError, cannot_write, reason

CHECKPOINT = "last.ckpt"
LOCK = ".lock"
"""The file that a training keeps locked while it writes into the folder."""

MODEL_FILE = "model.pt"
_OUTPUTS = (CHECKPOINT, MODEL_FILE, "preview.png", "losses.png", "result.yaml")
"""Files of a run that has made a step. The losses are missing here, because they are set aside."""

_EARLIER = "earlier"

LATEST = "latest"
"""The link to the newest finished run."""

_TIME = "%Y-%m-%d_%H-%M-%S"
_NAME = re.compile(r"(\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d)(?:-(\d+))?")

_claimed: set[Path] = set()
"""The folders that this process has claimed."""

_log = logging.getLogger(__name__)


def run_folder(parent: str, ckpt: str | None) -> str:
    """A new folder below `parent`, named by the time; for ``ckpt=last``, the newest run there.

    Raises:
        UserError: there is no run, or the newest run has no checkpoint. An older run is not taken
            instead.
    """
    if ckpt != "last":
        return f"{parent}/{datetime.datetime.now():{_TIME}}"
    run = newest(Path(parent), CONFIG, CHECKPOINT, MODEL_FILE) if Path(parent).is_dir() else None
    if run is None:
        raise UserError(f"ckpt=last: no run to resume in {parent}; name one with run=FOLDER")
    if not (run / CHECKPOINT).is_file():
        raise UserError(
            f"ckpt=last: {run} is the newest run, but has no {CHECKPOINT} to resume from;"
            " name another with run=FOLDER"
        )
    return str(run)


def newest(parent: Path, *files: str) -> Path | None:
    """The newest run in the folder `parent` that has one of `files`; links do not count.

    Raises:
        UserError: `parent` cannot be read.
    """
    try:
        folders = [folder for folder in parent.iterdir() if not folder.is_symlink()]
        runs = [folder for folder in folders if any(has(folder, name) for name in files)]
        return max(runs, key=_start, default=None)
    except OSError as error:
        raise UserError(f"cannot read {parent} ({reason(error)}); check its rights") from None


def has(folder: Path, name: str) -> bool:
    """Whether a folder has a file. Where nobody may look, it has none."""
    return os.path.isfile(folder / name)  # noqa: PTH113  # Path.is_file raises there


def is_time(name: str) -> bool:
    """Whether a folder's name is a time, as stylenet names runs that are no jobs of a sweep."""
    return _NAME.fullmatch(name) is not None


def called(run: Path) -> str:
    """What a run is called: by the folder of its runs, as its own name is a time, or by its own."""
    run = run.resolve()
    return run.parent.name if is_time(run.name) else run.name


def link_latest(run: Path) -> None:
    """Let the link ``latest`` beside a finished run lead to the newest finished run there.

    Runs with names of their own have no such link.

    A file system without links, or a folder of this name, goes without the link.
    """
    link = run.with_name(LATEST)
    latest = newest(run.parent, MODEL_FILE) or run
    if is_time(run.name) and (link.is_symlink() or not link.exists()):
        new = run.with_name(f".{LATEST}-{os.getpid()}")
        with suppress(OSError):
            new.symlink_to(latest.name, target_is_directory=True)
            new.replace(link)


def remove_empty(run: Path, *, parents: bool) -> None:
    """Remove the folder of a start that failed, if it is empty, and its two `parents` likewise."""
    for folder in (run, *list(run.parents)[: 2 if parents else 0]):
        with suppress(OSError):  # not empty, or removed already
            folder.rmdir()


def _start(folder: Path) -> tuple[str, int, str]:
    """When the run began, as a key for sorting: by the folder's name, else by its config's age."""
    found = _NAME.match(folder.name)
    if found:
        return found[1], int(found[2] or 1), folder.name
    config = folder / CONFIG
    seconds = (config if config.is_file() else folder).stat().st_mtime
    return f"{datetime.datetime.fromtimestamp(seconds):{_TIME}}", 0, folder.name


@contextmanager
def claimed(run: Path, *, goes_on: bool = False, unique: bool = False) -> Iterator[Path]:
    """Claim the folder `run` until the block ends, so that no other training writes into it.

    A missing folder is created. A process may claim a folder several times. A folder that is empty
    at the end, because the start failed, is removed.

    Args:
        goes_on: accept a folder that holds a run, to resume the run.
        unique: if the folder is taken, claim the next free name: ``NAME-02``, ``NAME-03``, …

    Raises:
        UserError: another training writes into the folder, or the folder holds a run.
    """
    if run.resolve() in _claimed:
        yield run
        return
    for folder in _numbered(run) if unique else [run]:
        with _locked(folder) as alone:
            if not alone:
                taken = f"{run} is being written by another training; choose another run="
            else:
                taken = "" if goes_on else _why_taken(folder)
            if not taken:
                if goes_on:
                    _remove_unfinished(folder)
                _claimed.add(folder.resolve())
                try:
                    yield folder
                finally:
                    _claimed.remove(folder.resolve())
                return
    raise UserError(taken)


def _remove_unfinished(folder: Path) -> None:
    """Remove the unfinished files of a run that was killed."""
    for part in folder.glob(".part-*"):
        part.unlink(missing_ok=True)


def _numbered(run: Path) -> Iterator[Path]:
    yield run
    for number in count(2):
        yield run.with_name(f"{run.name}-{number:02}")


def _why_taken(folder: Path) -> str:
    """Why no new run may start in `folder`; empty if it may."""
    if (folder / CHECKPOINT).exists():
        return f"{folder} holds a run; add ckpt=last to go on with it, or choose another run="
    names = [name for name in _OUTPUTS if os.path.lexists(folder / name)]
    if not names and (folder / CONFIG).exists() and "trainer" not in (read_config(folder) or {}):
        names = [CONFIG]
    if names:
        return f"{folder} holds a {names[0]}, which training would replace; choose another run="
    return ""


@contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    """Lock `folder` until the block ends, and tell whether the lock was free.

    It is a POSIX lock. The system removes the lock when the process ends, for whatever reason.
    Forked workers do not inherit it.
    """
    path = folder / LOCK
    try:
        file = _lock(path)
    except OSError as error:
        raise cannot_write(folder, error) from None
    if file is None:
        yield False
        return
    with file:
        try:
            yield True
        finally:
            with suppress(OSError):
                path.unlink()  # still locked: a process that has opened it sees it is gone
                folder.rmdir()  # fails if anything is left


def _lock(path: Path) -> IO[bytes] | None:
    """Create the file at `path` and its folder, and lock it; None if it is locked already."""
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            file = path.open("ab")
        except FileNotFoundError:  # the last holder has just removed the folder
            continue
        if not _try_to_lock(file):
            file.close()
            return None
        with suppress(FileNotFoundError):
            if os.path.samestat(path.stat(), os.fstat(file.fileno())):
                return file
        file.close()  # the last holder has just removed the file


def _try_to_lock(file: IO[bytes]) -> bool:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):
            return False
        _log.warning(
            "%s cannot be locked (%s); let no other training write there", file.name, error
        )
    return True


def set_aside(path: Path) -> Path:
    """Rename ``NAME.SUFFIX`` to the first free ``NAME.1.SUFFIX``, ``NAME.2.SUFFIX``, …"""
    return path.rename(_free(path))


def set_run_aside(folder: Path) -> Path | None:
    """Move the run in `folder` to a new folder inside it; None if `folder` holds no run."""
    if not _why_taken(folder):
        return None
    old = [entry for entry in folder.iterdir() if entry.name != LOCK]
    target = _free(folder / _EARLIER)
    target.mkdir()
    for entry in old:
        if entry.stem != _EARLIER:
            entry.rename(target / entry.name)
    return target


def _free(path: Path) -> Path:
    names = (path.with_name(f"{path.stem}.{number}{path.suffix}") for number in count(1))
    return next(name for name in names if not os.path.lexists(name))
