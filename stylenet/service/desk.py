"""Where the photos for one model queue: so many at once, each within its time."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus

from fastapi import Request

from stylenet.service.catalogue import Served
from stylenet.service.intake import awaited, received
from stylenet.service.metrics import Metrics
from stylenet.service.painting import Painted, Painter, Settings
from stylenet.service.problems import ProblemError
from stylenet.service.ticket import Ticket
from stylenet.service.worker import Worker

QUEUE = 32
"""Photos that a model has in service at once. The next are refused, to be sent again later."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """What a request may take.

    pixels: that the net paints. bytes: of a photo's file. seconds: from a request's first byte to
    its answer. batch: the most photos in one run of the net.
    """

    pixels: int = 4_000_000
    bytes: int = 20_000_000
    seconds: float = 60.0
    batch: int = 4


class Desk:
    """Takes the photos for one model.

    Twice the batch of threads decode, wait for the net and encode: while one batch is at work, the
    next one gathers. Photos beyond them wait as the bytes that came.
    """

    def __init__(self, served: Served, limits: Limits, metrics: Metrics) -> None:
        self.name, self.limits, self.metrics = served.name, limits, metrics
        self.in_service = 0
        self._worker = Worker(limits.batch, partial(metrics.ran, served.name))
        self._paint = Painter(served, self._worker, limits.pixels)
        self._threads = ThreadPoolExecutor(2 * limits.batch)
        metrics.in_service.labels(served.name).set_function(lambda: self.in_service)

    @property
    def lives(self) -> bool:
        """Whether photos are still worked on."""
        return self._worker.lives

    @property
    def full(self) -> bool:
        """Whether the next photo would be refused."""
        return self.in_service >= QUEUE

    async def painted(self, request: Request, settings: Settings, ticket: Ticket) -> Painted:
        """Receive a photo, and stylise it.

        Raises:
            ProblemError: the photo, a setting or a limit stands against it, or a fault inside,
                which is logged.
        """
        start = time.perf_counter()
        status = HTTPStatus.INTERNAL_SERVER_ERROR
        try:
            with self._place():
                result = await self._within(start + self.limits.seconds, request, settings, ticket)
            status = HTTPStatus.OK
        except ProblemError as problem:
            status = problem.status
            raise
        except Exception:
            _log.exception("%s failed on a photo", self.name)
            raise ProblemError(
                status, "the service failed on this photo; its log tells why"
            ) from None
        finally:
            ticket.abandon()
            self.metrics.answers.labels(self.name, int(status)).inc()
        self.metrics.seconds.labels(self.name).observe(time.perf_counter() - start)
        self.metrics.pixels.labels(self.name).inc(result.pixels)
        ticket.milliseconds["total"] = (time.perf_counter() - start) * 1e3
        return result

    def close(self) -> None:
        """Finish what waits, and end the threads."""
        self._threads.shutdown()
        self._worker.close()

    @contextmanager
    def _place(self) -> Iterator[None]:
        if self.full:
            raise ProblemError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"{self.in_service} photos are waiting for {self.name}; send it again later",
                {"Retry-After": "1"},
            )
        self.in_service += 1
        try:
            yield
        finally:
            self.in_service -= 1

    async def _within(
        self, deadline: float, request: Request, settings: Settings, ticket: Ticket
    ) -> Painted:
        limits = self.limits
        ticket.photo = await received(request, limits.bytes, deadline - time.perf_counter())
        accept = request.headers.get("accept", "")
        work = asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: self._paint(ticket.photo, settings, accept, ticket)
        )
        return await awaited(work, request, deadline - time.perf_counter())
