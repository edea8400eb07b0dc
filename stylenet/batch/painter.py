"""A worker of the engine: a process that opens the models once, and stylises photo after photo."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from stylenet.batch.note import Note, is_finished
from stylenet.batch.parquet import Pictures, Row, UnreadableError
from stylenet.runtime.stylize_photos import stylize_photos
from stylenet.runtime.stylizer import AnyStylizer
from stylenet.system.errors import UserError, find_user_error, reason
from stylenet.system.memory import limit_memory

OpenStylizer = Callable[[], tuple[AnyStylizer, bool]]
"""Opens a stylizer, and tells whether it is on the CPU. It can be pickled."""

_LIVES = 3
"""How many workers may die over the same photo."""


@dataclass(frozen=True)
class Task:
    """A photo, the file of its result, and what identifies both in the note of the job."""

    photo: Path | Row
    target: Path
    key: str


@dataclass(frozen=True)
class Outcome:
    """What became of a task.

    pixels: of the result. failed: why the photo has none. fatal: why no photo will have one.
    """

    pixels: int = 0
    failed: str = ""
    fatal: str = ""


class Painter:
    """A worker: a stylizer that stays open, in a process of its own.

    Args:
        open_stylizer: opens the stylizer.
        note: of the job.
        keep: called with each result that was written.
        folder: the working folder, from which paths start.
        threads: for the net.
    """

    def __init__(
        self,
        open_stylizer: OpenStylizer,
        note: Note,
        keep: Callable[[Path], None],
        folder: str,
        threads: int,
    ) -> None:
        os.environ["OMP_NUM_THREADS"] = str(threads)  # before torch is imported
        self._note, self._keep = note, keep
        self._pictures = Pictures()
        self._fault = ""
        try:
            _enter(folder)
            # by the worker in whose place this one was started
            self._finished, self._begun = note.finished(), note.begun()
            self._stylizer, self._on_cpu = open_stylizer()
        except Exception as error:
            self._fault = _told(error)

    def __call__(self, row: Mapping[str, bytes]) -> dict[str, bytes]:
        """Do a task: ``{"task": Task}`` becomes ``{"outcome": Outcome}``, both pickled.

        Arrow has no text for file names that are not UTF-8.
        """
        return {"outcome": pickle.dumps(self.outcome(pickle.loads(row["task"])))}

    def outcome(self, task: Task) -> Outcome:
        """Stylise a photo, write its result and note it."""
        if self._fault:
            return Outcome(fatal=self._fault)
        if is_finished(task.key, task.target, self._finished):
            return Outcome()
        if self._begun[task.key] >= _LIVES:
            mend = "leave it out, or give a smaller --size"
            return Outcome(failed=f"{task.photo} ended {_LIVES} workers; {mend}")
        complaints: list[UserError] = []

        def note(target: Path) -> None:
            self._keep(target)
            self._note.finish(task.key, target)

        try:
            self._note.begin(task.key)
            with limit_memory() if self._on_cpu else nullcontext():
                targets = {self._source(task.photo): task.target}
                done = stylize_photos(
                    targets, self._stylizer, complain=complaints.append, note=note
                )
        except UnreadableError as error:
            return Outcome(failed=str(error))
        except Exception as error:
            return Outcome(fatal=_told(error))
        return Outcome(done.pixels, str(complaints[0]) if complaints else "")

    def _source(self, photo: Path | Row) -> Path | IO[bytes]:
        return self._pictures.read(photo) if isinstance(photo, Row) else photo


def _enter(folder: str) -> None:
    try:
        os.chdir(folder)
    except OSError as error:
        mend = "a cluster needs a folder that all its machines share"
        raise UserError(f"a worker cannot open {folder} ({reason(error)}); {mend}") from None


def _told(error: Exception) -> str:
    """The line of an error that the user can mend. Any other error is raised again."""
    if (found := find_user_error(error)) is None:
        raise error
    return str(found)
