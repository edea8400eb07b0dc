"""The finished parts of a clip. One job alone owns them, and resumes after the last of them."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from stylenet.pictures.images import write_atomically
from stylenet.system.errors import UserError, cannot_write

_FORM = 2
"""Version of the format of parts. Parts of another version cannot be joined with these."""

_LOCK = "lock"


class Parts:
    """The parts in a folder. Each is a clip whose name holds its number and its start time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def done(self) -> list[Path]:
        """The finished ones, in order."""
        found = sorted(self.folder.glob("[0-9]*.mp4"))
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
            for path in self.folder.iterdir():
                if path.name != _LOCK:
                    path.unlink()
            write_atomically(note, lambda file: file.write(text.encode()))


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
        UserError: another job has it, or it cannot be made.
    """
    folder = target.with_name(f".{target.name}.parts")
    with _locked(folder, target):
        try:
            yield folder
        except BaseException:
            if not Parts(folder).done:
                shutil.rmtree(folder, ignore_errors=True)
            raise
        shutil.rmtree(folder)


def _locked(folder: Path, target: Path) -> IO[bytes]:
    """Lock `folder` by a file. The lock ends with this process, however the process ends."""
    path = folder / _LOCK
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(target, error) from None
        try:
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
