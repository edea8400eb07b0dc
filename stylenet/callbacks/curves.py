"""Loss curves of a run: a CSV row per step and, at the end, a plot."""

from __future__ import annotations

import csv
import io
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from stylenet.pictures.images import write_atomically
from stylenet.runs.curves import sound_rows
from stylenet.runs.folder import set_aside
from stylenet.system.errors import cannot_write
from stylenet.tasks.base import Task

_log = logging.getLogger(__name__)

NO_TERMS = frozenset({"step", "lr", "seconds"})
"""Columns of ``losses.csv`` that are not loss terms."""

_WINDOWS = 20
"""How many windows of a running mean a run has. Photos differ more than the losses fall."""

_LEAST = 10
"""The fewest steps of a running mean."""


class LossCurves(Callback):
    """Write ``losses.csv`` while training and ``losses.png`` when done.

    A resumed run continues the file after the step of its checkpoint. Its seconds go on, too: they
    count time spent in training. A damaged file, or another run's, is kept under another name.

    Args:
        folder: the run's folder.
        name: what is being trained, for the plot's title.
    """

    def __init__(self, folder: str, name: str) -> None:
        self.name = name
        self.csv = Path(folder) / "losses.csv"
        self.plot = Path(folder) / "losses.png"
        self.pending: list[tuple[int, float, float, Mapping[str, Tensor]]] = []
        self.start = 0.0
        self.before: list[dict[str, Any]] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave out the rows of steps after the checkpoint. These steps are trained again."""
        self.start = time.perf_counter()
        if not trainer.is_global_zero or not self.csv.exists():
            return
        rows, damaged = sound_rows(self.csv)
        if damaged or (rows and not trainer.global_step):
            self._set_aside("damaged" if damaged else "of an earlier start")
        self.before = [row for row in rows if int(row["step"]) <= trainer.global_step]
        if self.before:
            self.start -= float(self.before[-1].get("seconds", 0))
        else:
            self.csv.unlink(missing_ok=True)

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Note the step's terms. They are written when loggers log, at one wait for the device."""
        assert isinstance(pl_module, Task)
        rate = float(trainer.optimizers[0].param_groups[0]["lr"])
        seconds = round(time.perf_counter() - self.start, 3)
        self.pending.append((trainer.global_step, rate, seconds, pl_module.means))
        if trainer.global_step % trainer.log_every_n_steps == 0:  # type: ignore[attr-defined]
            self._flush(trainer)

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Write the rows of every step that the checkpoint holds."""
        self._flush(trainer)

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Write the remaining rows after an error."""
        self._flush(trainer)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw the curves, also for a run that is resumed after its last step."""
        self._flush(trainer)
        if not (trainer.is_global_zero and self.csv.exists()):
            return
        rows, damaged = sound_rows(self.csv)
        if damaged:
            _log.warning("%s is damaged; %s shows what can be read", self.csv, self.plot)
        if rows:
            plot_curves(rows, self.plot, self.name)

    def _flush(self, trainer: Trainer) -> None:
        pending, self.pending = self.pending, []
        if not pending or not trainer.is_global_zero:
            return
        names = list(pending[0][-1])
        values = torch.stack([torch.stack([terms[n] for n in names]) for *_, terms in pending])
        self._append(
            [
                {"step": step, "lr": rate, **dict(zip(names, row, strict=True)), "seconds": seconds}
                for (step, rate, seconds, _), row in zip(pending, values.tolist(), strict=True)
            ]
        )

    def _append(self, rows: list[dict[str, Any]]) -> None:
        before, self.before = self.before, []
        if before and list(before[0]) != list(rows[0]):
            if self.csv.exists():
                self._set_aside("of other columns")
            before = []
        if before:
            text = io.StringIO(newline="")
            _write(text, [*before, *rows], header=True)
            write_atomically(self.csv, lambda file: file.write(text.getvalue().encode()))
            return
        new = not self.csv.exists()
        try:
            with self.csv.open("a", newline="") as file:
                _write(file, rows, header=new)
        except OSError as error:
            raise cannot_write(self.csv, error) from None

    def _set_aside(self, what: str) -> None:
        _log.warning("%s is %s; it is kept as %s", self.csv, what, set_aside(self.csv))


def _write(file: TextIO, rows: list[dict[str, Any]], header: bool) -> None:
    writer = csv.DictWriter(file, fieldnames=list(rows[0]))
    if header:
        writer.writeheader()
    writer.writerows(rows)


def plot_curves(rows: list[dict[str, str]], target: Path, name: str) -> None:
    """Draw every term of `rows` over the steps on a log scale: running means before pale steps.

    Args:
        name: what was trained.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator

    steps = np.array([int(row["step"]) for row in rows])
    window = max(_LEAST, len(rows) // _WINDOWS)
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot(xlabel="step", ylabel="loss, log scale", yscale="log")
    axes.set_title(f"{name}: losses while training", loc="left", parse_math=False)
    for index, term in enumerate(key for key in rows[0] if key not in NO_TERMS):
        values = np.array([float(row[term]) for row in rows])
        colour = f"C{index}"
        mean = running_mean(values, window)
        axes.plot(steps, values, color=colour, alpha=0.25, linewidth=0.6, zorder=1)
        axes.plot(steps, mean, color=colour, linewidth=2, zorder=2, label=term)
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    what = f"means of {window} steps,\npale: every step"
    axes.legend(title=what, loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    encoded = io.BytesIO()
    figure.savefig(encoded, dpi=120)
    write_atomically(target, lambda file: file.write(encoded.getbuffer()))


def running_mean(values: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """The mean of each value and those before it, `window` in all; at the start, of all so far.

    Args:
        values: (N,).

    Returns:
        (N,).
    """
    sums = np.convolve(values, np.ones(window))[: len(values)]
    return sums / np.minimum(np.arange(1, len(values) + 1), window)
