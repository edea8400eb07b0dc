"""Training as a user runs it, for the tests of every task."""

import csv
import os
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from pytorch_lightning import Callback

from stylenet import launch as training


def train(monkeypatch: pytest.MonkeyPatch, *overrides: str) -> int:
    """The command line in this process; returns its exit code."""
    monkeypatch.setattr(sys, "argv", ["stylenet.train", *overrides])
    try:
        training.main()
    except SystemExit as end:
        return int(str(end.code))
    return 0


def rows(folder: Path) -> list[dict[str, str]]:
    """The curves that a run has left, but for the time, which no two runs share."""
    with (folder / "losses.csv").open() as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


class InterruptAt(Callback):
    """Presses Ctrl-C during a step, as a user would, or sends another signal."""

    def __init__(
        self, step: int, number: int = signal.SIGINT, times: int = 1, rank: int = 0
    ) -> None:
        self.step = step
        self.rank = rank
        self.number = number
        self.times = times

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if trainer.global_step == self.step and trainer.global_rank == self.rank:
            for _ in range(self.times):
                os.kill(os.getpid(), self.number)


class RuinAt(Callback):
    """Lets a step, whose loss is a number, end in weights that are none, or not within reason."""

    def __init__(self, step: int, value: float = float("nan")) -> None:
        self.step = step
        self.value = value

    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        if trainer.global_step == self.step - 1:
            for weight in pl_module.net.parameters():
                weight.data.fill_(self.value)


class RuinLossOf(Callback):
    """Lets the loss of one process be no number."""

    def __init__(self, rank: int, step: int) -> None:
        self.rank = rank
        self.step = step

    def on_before_backward(self, trainer, pl_module, loss):
        if trainer.global_step == self.step and trainer.global_rank == self.rank:
            pl_module.say("objective", float("nan"))


class DieAt(Callback):
    """Ends the program behind a step, and lets nobody save anything."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if trainer.global_step == self.step:
            raise SystemExit(1)


def interrupt_at(step: int) -> str:
    """An override that adds it."""
    return f"+callbacks.ctrl_c={{_target_: training.InterruptAt, step: {step}}}"


@contextmanager
def a_full_disk(most: int) -> Iterator[None]:
    """No file can grow beyond `most` bytes: writes fail half-way, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))  # Python ignores SIGXFSZ
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class CountExchanges(Callback):
    """Writes down which exchanges between processes each step asks torch for, but for gradients'.

    The exchange of gradients starts within torch and passes by these names.
    """

    NAMES = ("all_reduce", "broadcast", "all_gather", "broadcast_object_list", "barrier")

    def __init__(self, file: str) -> None:
        self.file = Path(file)
        self.found: list[str] = []

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if trainer.global_step == 1:  # from now on, whole steps
            for name in self.NAMES:
                setattr(torch.distributed, name, self._noted(name))

    def _noted(self, name):
        call = getattr(torch.distributed, name)

        def noted(*args, **options):
            self.found.append(name)
            return call(*args, **options)

        return noted

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if trainer.is_global_zero and trainer.global_step > 1:
            with self.file.open("a") as file:
                print(trainer.global_step, *self.found, file=file)
        self.found.clear()
