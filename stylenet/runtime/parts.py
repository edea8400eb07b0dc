"""The finished parts of a clip. One job alone owns them, and resumes after the last of them."""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from stylenet.pictures.images import read_picture, write_atomically
from stylenet.runtime.ffmpeg import open_av, opened
from stylenet.system.errors import UserError, cannot_write

PART = 48
"""Frames of a part. A crash loses no more than one part."""

_FORM = 2
"""Version of the format of parts. Parts of another version cannot be joined with these."""

_LOCK = "lock"

_OWN = re.compile(
    r"job\.json|lock|\.part-\w+|unfinished\.mp4|(whole|film)\.(mp4|mov|m4v|mkv|webm)"
    r"|\d{6,}\.png|\d{6,}_-?\d+\.mp4"
)
"""Names of the files that a job makes in the folder. Other files there are the user's."""


class Parts:
    """The parts in a folder. Each is a clip whose name holds its number and its start time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def done(self) -> list[Path]:
        """The finished parts, in order."""
        found = sorted(path for path in _own(self.folder) if "_" in path.name)
        return [path for number, path in enumerate(found) if path.name[:7] == f"{number:06d}_"]

    @property
    def unfinished(self) -> Path:
        """The file of the part that is being written."""
        return self.folder / "unfinished.mp4"

    def state(self, number: int) -> Path:
        """The file of the last results of recurrent nets, after part `number`."""
        return self.folder / f"{number:06d}.png"

    def finish(self, number: int, start: int) -> None:
        """Rename the unfinished part, now complete, to part `number` with time `start`."""
        with self.unfinished.open("rb") as file:
            os.fsync(file.fileno())
        self.unfinished.rename(self.folder / f"{number:06d}_{start}.mp4")

    def start(self, part: Path) -> int:
        """The time at which a part starts."""
        return int(part.stem.split("_")[1])

    def begin(self, job: dict[str, Any]) -> None:
        """Keep the parts that this very job has finished; delete the parts of another job."""
        note, text = self.folder / "job.json", json.dumps({**job, "form": _FORM}, sort_keys=True)
        if not note.is_file() or note.read_bytes() != text.encode():
            _clear(self.folder)
            write_atomically(note, lambda file: file.write(text.encode()))

    def keep_sound(self) -> int:
        """Delete the first damaged part and all parts after it. Returns the number of frames left.

        The job then continues after the last part that is left.
        """
        counts: list[int] = []
        for number, part in enumerate(self.done):
            frames = self._frames(number, part)
            if not frames or (counts and counts[-1] != PART):  # only the last part may be short
                for path in _own(self.folder):
                    if path.name[:6].isdecimal() and int(path.name[:6]) >= number:
                        path.unlink()
                break
            counts.append(frames)
        return sum(counts)

    def _frames(self, number: int, part: Path) -> int:
        """The number of frames in a part; 0 if the part, or the state after it, is damaged."""
        try:
            if self.state(number).exists():
                read_picture(self.state(number))
            with closing(opened(part)) as film:
                return sum(packet.pts is not None for packet in film.demux(video=0))
        except (UserError, open_av().error.FFmpegError, IndexError):  # or it has no pictures
            return 0


def _own(folder: Path) -> list[Path]:
    """The files and links in a folder whose names are those of a job's files."""
    found = folder.iterdir() if folder.is_dir() else []
    return [path for path in found if _OWN.fullmatch(path.name) and not _is_folder(path)]


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _clear(folder: Path) -> None:
    """Delete the files of jobs in a folder, except the lock."""
    for path in _own(folder):
        if path.name != _LOCK:
            path.unlink()


def _remove(folder: Path) -> None:
    """Delete a folder and the files of jobs in it. The folder stays if it holds anything else."""
    with suppress(OSError):
        _clear(folder)
        (folder / _LOCK).unlink()  # last: until then no other job has the folder
        folder.rmdir()


@contextmanager
def parts_of(target: Path, clip: Path, job: dict[str, Any]) -> Iterator[Parts]:
    """The parts of a clip to write, among them those that this very job has finished.

    Args:
        job: the settings. A job with the same settings and the same clip is the same job.

    Raises:
        UserError: another job writes the clip, or the parts cannot be written.
    """
    facts = clip.stat()
    known = {"clip": str(clip.resolve()), "bytes": facts.st_size, "changed_at": facts.st_mtime_ns}
    with claimed(target) as folder:
        parts = Parts(folder)
        parts.begin({**job, **known})
        yield parts


@contextmanager
def claimed(target: Path) -> Iterator[Path]:
    """A folder beside `target`, for this job alone.

    The folder is deleted at the end. After an error it stays if it has finished parts.

    Raises:
        UserError: another job has the folder, the folder cannot be created, or it is or holds a
            link. The target of a link does not belong to the job.
    """
    folder = target.with_name(f".{target.name}.parts")
    with _locked(folder, target):
        for path in _own(folder):
            if path.stem in ("unfinished", "whole", "film"):  # left by a job that was killed
                path.unlink()
        try:
            yield folder
        except BaseException:
            if not Parts(folder).done:
                _remove(folder)
            raise
        _remove(folder)


def _locked(folder: Path, target: Path) -> IO[bytes]:
    """Lock `folder` by a file. The lock ends with this process, however the process ends."""
    path = folder / _LOCK
    while True:
        try:
            _check_no_link(folder)
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(target, error) from None
        try:
            for own in _own(folder):
                _check_no_link(own)
            file = path.open("ab")
        except FileNotFoundError:  # another job has just deleted the folder
            continue
        except OSError as error:
            raise cannot_write(target, error) from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists() and path.stat().st_ino == os.fstat(file.fileno()).st_ino:
                return file
        except BlockingIOError:
            file.close()
            mend = "wait until it ends or choose another output"
            raise UserError(f"{target} is being written by another job; {mend}") from None
        file.close()


def _check_no_link(path: Path) -> None:
    """Refuse to write through a link, or to delete what lies behind one.

    Raises:
        UserError: `path` is a link.
    """
    if path.is_symlink():
        raise UserError(f"{path} is a link; remove it or choose another output")
