"""All processes of a training end together: none waits for one that is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import torch
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from pytorch_lightning import Trainer

from stylenet.system.errors import UserError

LOOK = 0.2
"""Seconds between two looks at the other processes."""

GRACE = 5.0
"""Seconds in which a process that has lost another may end by itself. On GPUs it waits for the
lost one without end."""


@contextmanager
def together(trainer: Trainer, mend: str) -> Iterator[None]:
    """Let no process of a training outlive another.

    torchrun and Slurm end what they have started. Lightning, too, but without a word.

    Args:
        mend: what to do about a lost process, for the message.

    Raises:
        UserError: another process is gone.
        SystemExit: another process is gone, and the message about it is somebody else's.
    """
    if trainer.world_size == 1:
        yield
        return
    watch = _Watch(trainer, mend)
    threading.Thread(target=watch.run, name="watch-processes", daemon=True).start()
    try:
        yield
    except RuntimeError as error:
        if not _is_of_a_lost_peer(error):
            raise
        watch.settle()
        if watch.is_silent():
            raise SystemExit(2) from None
        raise UserError(watch.message()) from error
    finally:
        watch.done.set()


class _Watch:
    """Looks at the processes that this one has started, or at the one that has started it."""

    def __init__(self, trainer: Trainer, mend: str) -> None:
        self.trainer = trainer
        self.mend = mend
        self.parent = os.getppid()
        self.done = threading.Event()

    def run(self) -> None:
        """Wait for a lost process. End this one, if it does not end by itself."""
        while not self._is_one_lost():
            if self.done.wait(LOOK):
                return
            _stop_lightnings_watch()
        if not self.done.wait(GRACE):
            if not self.is_silent():
                print(f"\nerror: {self.message()}", file=sys.stderr)
            self._kill()
            os._exit(2)

    def settle(self) -> None:
        """Wait a little for the end of the lost process, which tells how it ended; end the rest."""
        until = time.monotonic() + GRACE
        while self._watches() and not self._is_one_lost() and time.monotonic() < until:
            time.sleep(LOOK)
        self._kill()

    def is_silent(self) -> bool:
        """Whether another process tells the user: the first one, or the lost one."""
        if self._children():
            return any(process.returncode == 2 for process in self._children())
        return self._is_started_by_lightning() and (
            not self._has_lost_parent() or self.trainer.local_rank > 1
        )

    def message(self) -> str:
        """The line for the user."""
        who = "another process"
        for number, process in enumerate(self._children(), 1):
            if process.returncode:
                who = f"process {number}, {_ended(process.returncode)},"
        if self._has_lost_parent():
            who = "process 0"
        return f"{who} of {self.trainer.world_size} is gone, so training has ended; {self.mend}"

    def _children(self) -> Sequence[subprocess.Popen[bytes]]:
        """The processes that Lightning has started from here."""
        return getattr(self.trainer.strategy.launcher, "procs", None) or ()

    def _is_started_by_lightning(self) -> bool:
        environment = getattr(self.trainer.strategy, "cluster_environment", None)
        return self.trainer.local_rank > 0 and isinstance(environment, LightningEnvironment)

    def _watches(self) -> bool:
        return bool(self._children()) or self._is_started_by_lightning()

    def _has_lost_parent(self) -> bool:
        return self._is_started_by_lightning() and os.getppid() != self.parent

    def _is_one_lost(self) -> bool:
        gone = [process for process in self._children() if process.poll()]
        return bool(gone) or self._has_lost_parent()

    def _kill(self) -> None:
        for process in self._children():
            with suppress(ProcessLookupError):
                process.kill()


def _ended(code: int) -> str:
    if code > 0:
        return f"exit code {code}"
    return f"ended by {signal.Signals(-code).name}"


def _is_of_a_lost_peer(error: RuntimeError) -> bool:
    """Whether an exchange between processes has failed."""
    return isinstance(error, torch.distributed.DistError) or "gloo/transport" in str(error)


def _stop_lightnings_watch() -> None:
    """It would kill this process before it can say why."""
    for thread in threading.enumerate():
        if thread.name == "child-process-observer":
            thread._child_processes = []  # type: ignore[attr-defined]
