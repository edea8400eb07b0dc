"""Loss curves of a run: a CSV row per step and, at the end, a plot."""

from __future__ import annotations

import csv
import io
import time
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from stylenet.callbacks.terms import loss_terms
from stylenet.images import write_atomically

NO_TERMS = frozenset({"step", "lr", "seconds"})
"""Columns of ``losses.csv`` that are not loss terms."""


class LossCurves(Callback):
    """Write ``losses.csv`` while training and ``losses.png`` when done.

    A resumed run continues the file behind the step of its checkpoint, its seconds too: they are
    those spent in training.

    Args:
        folder: the run's folder.
    """

    def __init__(self, folder: str) -> None:
        self.csv = Path(folder) / "losses.csv"
        self.plot = Path(folder) / "losses.png"
        self.pending: list[tuple[int, float, float, dict[str, Tensor]]] = []
        self.start = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Drop the rows of steps that the checkpoint does not hold and that are done again."""
        self.start = time.perf_counter()
        if not trainer.is_global_zero:
            return
        rows = read_rows(self.csv) if trainer.global_step and self.csv.exists() else []
        rows = [row for row in rows if int(row["step"]) <= trainer.global_step]
        if not rows:
            self.csv.unlink(missing_ok=True)
            return
        text = io.StringIO()
        _write(text, rows, header=True)
        write_atomically(self.csv, lambda file: file.write(text.getvalue().encode()))
        self.start -= float(rows[-1].get("seconds", 0))

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Note the step's terms; write them out, with one wait for the device, now and then."""
        rate = float(trainer.optimizers[0].param_groups[0]["lr"])
        seconds = round(time.perf_counter() - self.start, 3)
        self.pending.append((trainer.global_step, rate, seconds, loss_terms(trainer)))
        if trainer.global_step % trainer.log_every_n_steps == 0:  # type: ignore[attr-defined]
            self._flush(trainer)

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Write the rows of every step that the checkpoint holds."""
        self._flush(trainer)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Write what is left, also after an error or Ctrl-C."""
        self._flush(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw the curves."""
        self._flush(trainer)
        if trainer.is_global_zero and self.csv.exists():
            plot_curves(self.csv, self.plot)

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
        new = not self.csv.exists()
        with self.csv.open("a", newline="") as file:
            _write(file, rows, header=new)


def _write(file: TextIO, rows: list[dict[str, Any]], header: bool) -> None:
    writer = csv.DictWriter(file, fieldnames=list(rows[0]))
    if header:
        writer.writeheader()
    writer.writerows(rows)


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a ``losses.csv``; a last line cut short by a crash is left out."""
    whole, _, _ = path.read_text().rpartition("\n")
    return list(csv.DictReader(whole.splitlines()))


def plot_curves(source: Path, target: Path) -> None:
    """Draw every term of `source` over the steps on a log scale, raw and as a running mean."""
    from matplotlib.figure import Figure

    rows = read_rows(source)
    steps = np.array([int(row["step"]) for row in rows])
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot(xlabel="step", ylabel="loss term", yscale="log")
    for index, name in enumerate(key for key in rows[0] if key not in NO_TERMS):
        values = np.array([float(row[name]) for row in rows])
        window = max(1, len(values) // 50)
        mean = np.convolve(values, np.ones(window) / window, mode="valid")
        axes.plot(steps, values, color=f"C{index}", alpha=0.2, linewidth=0.5)
        axes.plot(steps[window - 1 :], mean, color=f"C{index}", label=name)
    axes.legend()
    figure.savefig(target, dpi=120)
