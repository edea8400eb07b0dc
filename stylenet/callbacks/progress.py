"""A progress bar with images per second, time left and every loss term."""

from __future__ import annotations

from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from rich.console import Console, Group
from rich.live import Live
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text
from torch import Tensor

from stylenet.tasks.base import Task


class TrainingProgress(Callback):
    """A progress bar and a line of losses; without a terminal, a line for each tenth of the run.

    Args:
        name: what is being trained, shown in front.
        smoothing: weight of the running mean beside a new step's value, in [0, 1).
    """

    def __init__(self, name: str, smoothing: float = 0.95) -> None:
        self.name = name
        self.smoothing = smoothing
        self.console = Console(stderr=True)
        self.means: dict[str, Tensor] = {}
        self.images = 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Open the bar, at the step from which a resumed run starts."""
        self.bar = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]:.1f} img/s"),
            TimeElapsedColumn(),
            TextColumn("ETA"),
            TimeRemainingColumn(),
            speed_estimate_period=120,
        )
        self.first_step = trainer.global_step
        self.task = self.bar.add_task(
            self.name, total=trainer.max_steps, completed=self.first_step, rate=0.0
        )
        self.losses = Text()
        self.live = Live(Group(self.bar, self.losses), console=self.console)
        if self.console.is_terminal and trainer.is_global_zero:
            self.live.start()

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Tensor,
        batch_idx: int,
    ) -> None:
        """Advance. The terms are read off the device only as often as the loggers read them."""
        assert isinstance(pl_module, Task)
        self.images += batch.shape[:-3].numel() * trainer.world_size
        for name, value in pl_module.means.items():
            mean = self.means.get(name, value)
            self.means[name] = mean * self.smoothing + value * (1 - self.smoothing)
        step, every = trainer.global_step, int(trainer.log_every_n_steps)  # type: ignore[attr-defined]
        if step % every and step < trainer.max_steps:
            return
        elapsed = self.bar.tasks[0].elapsed or 1e-9
        rate = self.images / elapsed
        terms = "  ".join(f"{name} {float(mean):.4f}" for name, mean in self.means.items())
        self.bar.update(self.task, completed=step, rate=rate)
        self.losses.plain = terms
        tenth = max(every, trainer.max_steps // 10)
        if not self.console.is_terminal and trainer.is_global_zero and step % tenth < every:
            left = (trainer.max_steps - step) * elapsed / max(1, step - self.first_step)
            line = f"{self.name} {step}/{trainer.max_steps}  {rate:.1f} img/s  ETA {left:.0f} s"
            self.console.print(f"{line}  {terms}", highlight=False, soft_wrap=True)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Show where training has ended, which may be before its last step."""
        self.bar.update(self.task, completed=trainer.global_step)

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Close the bar after an error, too, so that the terminal is left clean."""
        self.teardown(trainer, pl_module, "fit")

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Close the bar."""
        if hasattr(self, "live"):
            self.live.stop()
