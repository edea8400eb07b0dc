"""One thread for each model runs its net. Pictures of one size that wait together share a run."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Condition, Thread

import numpy as np

from stylenet.pictures.images import Bytes
from stylenet.runtime.session import Session
from stylenet.service.ticket import Ticket

Note = Callable[[int, float], object]
"""Called after each run of a net, with the number of pictures and the seconds."""


SHARED_PIXELS = 500_000
"""Pixels of all pictures that share a run. A larger picture gives all cores enough to do, and
several of them only take more memory."""


@dataclass(eq=False)
class _Job:
    session: Session
    rgb: Bytes
    ticket: Ticket
    result: Future[Bytes] = field(default_factory=Future)
    since: float = field(default_factory=time.perf_counter)

    def shares_a_run_with(self, other: _Job) -> bool:
        return self.session is other.session and self.rgb.shape == other.rgb.shape


class Worker:
    """Runs the nets of one model, the longest waiting picture first.

    The worker never waits for more pictures: a run takes what has gathered during the run before.

    Args:
        batch: the most pictures in one run, whose pixels are at most `SHARED_PIXELS`.
        note: called after each run.
    """

    def __init__(self, batch: int, note: Note) -> None:
        self._batch, self._note = batch, note
        self._waiting: list[_Job] = []
        self._changed = Condition()
        self._ends = False
        self._thread = Thread(target=self._work, daemon=True)
        self._thread.start()

    def run(self, session: Session, ticket: Ticket, rgb: Bytes) -> Bytes:
        """Stylise a picture, uint8 (H, W, 3), by `session`, and wait for it.

        Raises:
            CancelledError: the ticket was abandoned before the run.
            Exception: whatever the session raises.
        """
        job = _Job(session, rgb, ticket)
        with self._changed:
            self._waiting.append(job)
            self._changed.notify()
        return job.result.result()

    @property
    def lives(self) -> bool:
        """Whether the thread still works. Only a fault of the service itself ends it."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Finish what waits, and end the thread."""
        with self._changed:
            self._ends = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while jobs := self._next():
            start = time.perf_counter()
            try:
                stylized = jobs[0].session.batch(np.stack([job.rgb for job in jobs]))
            except Exception as error:
                for job in jobs:
                    job.result.set_exception(error)
                continue
            seconds = time.perf_counter() - start
            self._note(len(jobs), seconds)
            for job, picture in zip(jobs, stylized, strict=True):
                job.ticket.milliseconds["wait"] = (start - job.since) * 1e3
                job.ticket.milliseconds["net"] = seconds * 1e3
                job.result.set_result(picture)

    def _next(self) -> list[_Job]:
        """The jobs of the next run; none if the worker is to end."""
        with self._changed:
            while True:
                self._changed.wait_for(lambda: self._waiting or self._ends)
                self._drop_abandoned()
                if self._waiting:
                    break
                if self._ends:
                    return []
            first = self._waiting[0]
            height, width = first.rgb.shape[:2]
            most = min(self._batch, max(1, SHARED_PIXELS // (height * width)))
            chosen = [job for job in self._waiting if job.shares_a_run_with(first)][:most]
            for job in chosen:
                self._waiting.remove(job)
            return chosen

    def _drop_abandoned(self) -> None:
        for job in [job for job in self._waiting if job.ticket.abandoned]:
            self._waiting.remove(job)
            job.result.cancel()
