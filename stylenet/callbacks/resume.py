"""Exact resume: the whole training state on disk, written atomically."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from lightning_fabric.plugins.io.torch_io import TorchCheckpointIO
from pytorch_lightning import Callback, LightningModule, Trainer

from stylenet.errors import UserError
from stylenet.images import write_atomically


class AtomicCheckpointIO(TorchCheckpointIO):
    """Lightning's checkpoints, but a crash or a full disk leaves the previous file whole."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Write `checkpoint` to `path`.

        Raises:
            UserError: the file cannot be written.
        """
        write_atomically(Path(path), lambda file: torch.save(checkpoint, file))

    def load_checkpoint(
        self,
        path: str | Path,
        map_location: Any = "cpu",
        weights_only: bool | None = None,
    ) -> dict[str, Any]:
        """Read the checkpoint at `path`.

        Raises:
            UserError: the file is damaged, or no checkpoint.
        """
        try:
            checkpoint: dict[str, Any] = super().load_checkpoint(path, map_location, weights_only)
        except Exception:  # on other files the unpickler raises errors of many kinds
            checkpoint = {}
        if not isinstance(checkpoint, dict) or "state_dict" not in checkpoint:
            raise UserError(f"{path} is no training checkpoint, or is damaged; start anew")
        return checkpoint


class LastCheckpoint(Callback):
    """Keep ``last.ckpt``: weights, optimiser, schedule, step and random state.

    The photos of a step follow from the step alone, so the step is the sampler's whole state. The
    random state is put back right before the first step, as loaders draw from it when they start.

    Args:
        path: the checkpoint file.
        every: steps between checkpoints; a run that ends early writes one more.
    """

    def __init__(self, path: str, every: int) -> None:
        self.path = Path(path)
        self.every = every
        self.random_state: dict[str, Any] | None = None

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Put the random state of a resumed run back."""
        if self.random_state is not None:
            torch.set_rng_state(self.random_state["cpu"].cpu())
            if len(self.random_state["cuda"]) == torch.cuda.device_count():
                torch.cuda.set_rng_state_all([s.cpu() for s in self.random_state["cuda"]])
            self.random_state = None

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Save when due, and when the run is about to stop."""
        if trainer.global_step % self.every == 0 or trainer.should_stop:
            trainer.save_checkpoint(self.path)

    def state_dict(self) -> dict[str, Any]:
        """The random state of torch on CPU and GPUs."""
        return {"cpu": torch.get_rng_state(), "cuda": torch.cuda.get_rng_state_all()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keep the random state for the first step."""
        self.random_state = state_dict
