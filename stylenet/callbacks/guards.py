"""Guards: stop at a loss or weights that are no number, stop cleanly at Ctrl-C."""

from __future__ import annotations

import math
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from stylenet.system.errors import UserError
from stylenet.tasks.base import Task


class FiniteLoss(Callback):
    """Stop at the first loss that is not finite, before it reaches weights or checkpoint.

    All processes of a training stop, at a loss of any of them. On a CPU every step is checked. A
    check on a GPU has to wait for the step, so it is made only when the loggers read the loss; a
    recorded step has updated the weights by then. Weights are checked before every checkpoint and
    at the end, so that no bad state is saved.

    Args:
        checkpoint: the file that holds the last good state, to name in the error.
    """

    def __init__(self, checkpoint: str) -> None:
        self.checkpoint = Path(checkpoint)

    def on_before_backward(
        self, trainer: Trainer, pl_module: LightningModule, loss: Tensor
    ) -> None:
        """Tell all processes the loss."""
        assert isinstance(pl_module, Task)
        pl_module.say("objective", loss.detach())

    def on_after_backward(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check the mean loss of all processes when a check is due.

        Raises:
            UserError: the loss is infinite or not a number.
            SystemExit: it is, and the first process tells the user.
        """
        assert isinstance(pl_module, Task)
        if is_read(trainer, trainer.global_step):
            loss = float(pl_module.heard("objective"))
            if not math.isfinite(loss) and not trainer.is_global_zero:
                raise SystemExit(2)
            if not math.isfinite(loss):
                raise UserError(self._message(trainer, loss))

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Refuse to save weights or optimiser states that are not finite.

        Raises:
            UserError: a value is infinite or not a number.
        """
        state = [checkpoint["state_dict"], checkpoint.get("optimizer_states", [])]
        if not is_finite(state):
            raise UserError(self._message(trainer, float("nan")))

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Refuse weights that the last step has ruined.

        Raises:
            UserError: a weight is infinite or not a number.
        """
        if not is_finite(pl_module.state_dict()):
            raise UserError(self._message(trainer, float("nan")))

    def _message(self, trainer: Trainer, loss: float) -> str:
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        return (
            f"the loss became {loss} after step {trainer.global_step} (learning rate {rate:.1e}); "
            f"lower task.optimizer.lr or set trainer.precision=32-true; {self._kept()}"
        )

    def _kept(self) -> str:
        if self.checkpoint.exists():
            return f"the last good state is kept in {self.checkpoint}"
        return "no checkpoint was due yet"


def is_read(trainer: Trainer, step: int) -> bool:
    """Whether a number may be read off the device in a step: always on a CPU, rarely on a GPU."""
    every = int(trainer.log_every_n_steps)  # type: ignore[attr-defined]
    return step % every == 0 or trainer.strategy.root_device.type == "cpu"


def is_finite(state: Any) -> bool:
    """Whether all tensors in nested dicts and lists hold only finite numbers."""
    return all(bool(torch.isfinite(tensor).all()) for tensor in _tensors(state))


def _tensors(state: Any) -> Iterator[Tensor]:
    if isinstance(state, Tensor):
        yield state
    elif isinstance(state, dict | list | tuple):
        for inner in state.values() if isinstance(state, dict) else state:
            yield from _tensors(inner)


def cut_short(trainer: Trainer) -> bool:
    """Whether Ctrl-C has ended training before its last step; any other end finishes the run."""
    callbacks: list[Callback] = trainer.callbacks  # type: ignore[attr-defined]
    interrupted = any(isinstance(c, StopOnInterrupt) and c.interrupted for c in callbacks)
    return interrupted and trainer.global_step < trainer.max_steps


class StopOnInterrupt(Callback):
    """Ctrl-C ends the run after the current step, with a checkpoint; a second one ends it at once.

    SIGTERM does the same: schedulers and containers stop a program by it. A signal to one process
    of a training ends all of them after the same step. On GPUs this is a step that loggers read.

    signalled: whether this process got a signal. interrupted: whether the run ends for it.
    """

    def __init__(self) -> None:
        self.signalled = False
        self.interrupted = False
        self.previous: dict[int, Any] = {}

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Handle both signals while training lasts."""
        for number in (signal.SIGINT, signal.SIGTERM):
            self.previous[number] = signal.signal(number, self._interrupt)
        # Lightning would tell all processes of a SIGTERM by an exchange of its own in every step.
        trainer.fit_loop.epoch_loop._broadcast_sigterm_tensor = _nothing  # type: ignore[method-assign]

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self.signalled = True
        signal.signal(number, self.previous.pop(number))

    def on_before_backward(
        self, trainer: Trainer, pl_module: LightningModule, loss: Tensor
    ) -> None:
        """Tell all processes of a signal."""
        assert isinstance(pl_module, Task)
        pl_module.say("interrupted", float(self.signalled))

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """End the run if a process was interrupted: between steps the state is whole."""
        assert isinstance(pl_module, Task)
        if trainer.world_size == 1:
            self.interrupted = self.signalled
        elif is_read(trainer, trainer.global_step):
            self.interrupted = bool(pl_module.heard("interrupted"))
        trainer.should_stop = trainer.should_stop or self.interrupted

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Restore the signal handlers after an error, too."""
        self.teardown(trainer, pl_module, "fit")

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Restore the signal handlers."""
        while self.previous:
            signal.signal(*self.previous.popitem())


def _nothing() -> None:
    pass


@contextmanager
def interruptible() -> Iterator[None]:
    """Exit with 130 at a second Ctrl-C: Lightning itself exits with 1."""
    try:
        yield
    except SystemExit as end:
        if isinstance(end.__context__, KeyboardInterrupt):
            raise SystemExit(130) from None
        raise
