"""A photo on its way through the service."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Ticket:
    """One request, as the threads that work on it see it.

    photo: the file's bytes; none, once nobody waits for the result. abandoned: whether nobody waits
    any more. milliseconds: what each step took.
    """

    photo: bytes = b""
    abandoned: bool = False
    milliseconds: dict[str, float] = field(default_factory=dict)

    def abandon(self) -> None:
        """Let the photo go. An executor keeps cancelled work until a thread is free."""
        self.abandoned, self.photo = True, b""

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Take the time of a step."""
        start = time.perf_counter()
        yield
        self.milliseconds[name] = (time.perf_counter() - start) * 1e3

    def server_timing(self) -> str:
        """All steps, as the header ``Server-Timing`` tells them (W3C)."""
        return ", ".join(f"{name};dur={ms:.1f}" for name, ms in self.milliseconds.items())
