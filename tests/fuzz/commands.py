"""Command lines in this process, and whether they ended as a user may expect."""

import io
import resource
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass

GOOD = (0, 1, 2, 130)
"""Exit codes that commands have."""


@dataclass(frozen=True)
class Ended:
    """How a command ended: its code, None where a traceback would be shown, and what it said."""

    code: int | None
    said: str

    @property
    def errors(self) -> list[str]:
        """The lines that begin with ``error: ``."""
        return [line for line in self.said.splitlines() if line.startswith("error: ")]

    def verdict(self) -> str | None:
        """None where it did its work, or refused in a line that names the reason."""
        if self.code not in GOOD:
            return f"ended with {self.code}: {self.said[-600:]}"
        if self.code == 2 and len(self.errors) != 1:
            return f"{len(self.errors)} lines of errors: {self.said[-600:]}"
        return None


def ended(command: Callable[[], object]) -> Ended:
    """Run `command`; its messages are kept, not shown."""
    said = io.StringIO()
    with redirect_stderr(said), redirect_stdout(io.StringIO()):
        try:
            code: int | None = int(command() or 0)  # type: ignore[call-overload]
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 2 if end.code else 0
        except Exception:
            said.write(traceback.format_exc())
            code = None
    return Ended(code, said.getvalue())


@contextmanager
def full_disk(room: int) -> Iterator[None]:
    """Let every file of more than `room` bytes fail half-way, as a full disk lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
