"""The note of what a job has finished, in the folder of its results, so that the job can go on.

The note is a file of lines. A line tells that a photo was begun, or the size and time of its
result. Lines are only ever added, each in one piece, and a result's after the result, so that the
note is right whenever the job is killed. A line that was cut off belongs to no photo.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from stylenet.system.errors import UserError, cannot_write
from stylenet.system.special_files import refuse_special

NAME = ".stylenet-job"
"""The note's file in the folder of the results."""

_HEAD = b"stylenet: pictures finished by stylize --engine ray\n"


class Note:
    """The note in a folder of results. It can be pickled; all its copies add to the same file.

    All methods raise a `UserError` if the file cannot be read or written.
    """

    def __init__(self, folder: Path) -> None:
        self.file = folder / NAME
        self._begun = f"begun {uuid4().hex[:8]}"  # by this very command

    def begin(self, key: str) -> None:
        """Tell that a worker begins the photo of a key."""
        self._add(f"{key} {self._begun}\n")

    def finish(self, key: str, result: Path) -> None:
        """Tell that the photo of a key has its result."""
        self._add(f"{key} {_stamp(result)}\n")

    def finished(self) -> dict[str, str]:
        """The size and time of the result of each key that has one."""
        return {key: told for key, told in self._lines() if not told.startswith("begun")}

    def begun(self) -> Counter[str]:
        """How often this command has begun the photo of each key."""
        return Counter(key for key, told in self._lines() if told == self._begun)

    def _add(self, line: str) -> None:
        try:
            with self.file.open("ab", buffering=0) as file:
                file.write(line.encode())
        except OSError as error:
            raise cannot_write(self.file, error) from None

    def _lines(self) -> list[tuple[str, str]]:
        try:
            text = self.file.read_text(errors="replace")
        except OSError as error:
            raise cannot_write(self.file, error) from None
        lines = text.split("\n")[1:-1]  # without the first, which is the same in all notes
        return [(key, told) for key, _, told in (line.partition(" ") for line in lines)]


def is_finished(key: str, result: Path, finished: dict[str, str]) -> bool:
    """Whether the result of a key is there, and is the very file that the note tells of."""
    return key in finished and finished[key] == _stamp(result)


def key_of(job: str, photo: Path, row: int | None, result: str) -> str:
    """What identifies a photo of a job: its path, size and time, and where its result goes.

    Args:
        job: what identifies the job. row: of a Parquet file. result: relative to the folder.
    """
    told = [job, os.fsdecode(photo.absolute()), str(row), _stamp(photo), result]
    return hashlib.sha256("\0".join(told).encode(errors="surrogateescape")).hexdigest()[:32]


@contextmanager
def claimed(folder: Path) -> Iterator[Note]:
    """The note in a folder, for this command alone. The lock ends with the process.

    Raises:
        UserError: another command has the folder, it cannot be written, or the file of the note is
            something else.
    """
    note = Note(folder)
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
    refuse_special(note.file)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(note.file, flags, 0o666), "r+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            content = file.read()
            if not content:
                file.write(_HEAD)
            elif content[: len(_HEAD)] != _HEAD[: len(content)]:
                raise UserError(f"{note.file} is not stylenet's; choose another output")
            elif not content.endswith(b"\n"):  # cut off by a full disk
                file.write(b"\n")
            yield note
    except BlockingIOError:
        mend = "wait until it ends or choose another output"
        raise UserError(f"{folder} is being written by another command; {mend}") from None
    except OSError as error:
        if error.filename not in (None, str(note.file), str(folder)):
            raise
        raise cannot_write(note.file, error) from None


def _stamp(file: Path) -> str:
    """The size and time of a file; empty for a file that is not there."""
    try:
        found = file.stat()
    except OSError:
        return ""
    return f"{found.st_size} {found.st_mtime_ns}"
