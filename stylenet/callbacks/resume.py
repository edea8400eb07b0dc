"""Exact resume: the whole training state on disk, written atomically."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from lightning_fabric.plugins.io.torch_io import TorchCheckpointIO
from pytorch_lightning import Callback, LightningModule, Trainer
from torch.optim import Optimizer

from stylenet.models import sealed
from stylenet.pictures.images import write_atomically
from stylenet.system import integrity
from stylenet.system.errors import UserError, reason

_PARTS = {
    **{"global_step": int, "state_dict": dict, "loops": dict, "callbacks": dict},
    **{"optimizer_states": list, "lr_schedulers": list},
}
"""Parts of a training state. Without some of them, Lightning trains on, silently and wrongly."""


class AtomicCheckpointIO(TorchCheckpointIO):
    """Lightning's checkpoints, written whole: a crash or a full disk leaves the previous file."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Write `checkpoint` to `path`, with its checksum.

        Raises:
            UserError: the file cannot be written.
        """
        data = sealed.dump(checkpoint)
        write_atomically(Path(path), lambda file: file.write(data))

    def load_checkpoint(
        self,
        path: str | Path,
        map_location: Any = "cpu",
        weights_only: bool | None = None,
    ) -> dict[str, Any]:
        """Read the checkpoint at `path`: plain containers, and tensors on the CPU.

        Raises:
            UserError: the file is damaged, or no checkpoint.
        """
        try:
            checkpoint = sealed.parse(Path(path).read_bytes())
        except OSError as error:
            raise UserError(f"cannot open {path} ({reason(error)}); check the path") from None
        except integrity.DamagedError:
            checkpoint = None
        if not isinstance(checkpoint, dict) or "state_dict" not in checkpoint:
            raise UserError(f"{path} is no training checkpoint, or is damaged; start anew")
        for name, kind in _PARTS.items():
            if not isinstance(checkpoint.get(name), kind):
                raise _lacking(path, name)
        return checkpoint


def _lacking(checkpoint: object, part: str) -> UserError:
    return UserError(f"{checkpoint} lacks {part}, without which training cannot go on; start anew")


class LastCheckpoint(Callback):
    """Keep ``last.ckpt``: weights, optimiser, schedule, step and random state.

    The photos of a step follow from the step alone, so the step is the sampler's whole state. The
    random state is restored right before the first step, because starting loaders draw from it.

    Args:
        path: the checkpoint file.
        every: steps between checkpoints. One more is written after the very first step, so that
            every run has a checkpoint, and one at the end.
    """

    def __init__(self, path: str, every: int) -> None:
        self.path = Path(path)
        self.every = every
        self.random_state: dict[str, Any] | None = None
        self.resumed: dict[str, Any] | None = None
        self.saved_at: int | None = None

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Refuse a checkpoint with missing parts; say where training goes on.

        Raises:
            UserError: the loops' progress or the random state is missing.
        """
        if not _has_keys(trainer.fit_loop.state_dict(), checkpoint["loops"].get("fit_loop")):
            raise _lacking(trainer.ckpt_path, "loops.fit_loop")
        if not _has_keys({"cpu": 0, "cuda": 0}, checkpoint["callbacks"].get(self.state_key)):
            raise _lacking(trainer.ckpt_path, "the random state")
        self.resumed = checkpoint
        if trainer.is_global_zero:
            folder = Path(str(trainer.ckpt_path)).parent
            print(f"resuming {folder} at step {checkpoint['global_step']}", file=sys.stderr)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Compare the optimisers, which exist by now, with those of the checkpoint.

        Raises:
            UserError: the state of an optimiser or of its schedule is missing.
        """
        if self.resumed is None:
            return
        states, schedules = self.resumed["optimizer_states"], self.resumed["lr_schedulers"]
        has_all = len(states) == len(trainer.optimizers)
        if not (has_all and all(map(_fits, states, trainer.optimizers))):
            raise _lacking(trainer.ckpt_path, "optimizer_states")
        has_all = len(schedules) == len(trainer.lr_scheduler_configs)
        if not (has_all and all(_has_keys({"last_epoch": 0}, state) for state in schedules)):
            raise _lacking(trainer.ckpt_path, "lr_schedulers")
        self.resumed = None  # free the memory

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Restore the random state of a resumed run."""
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
        """Save when due, after the first step, and when the run is about to stop."""
        step = trainer.global_step
        last = trainer.should_stop or step >= trainer.max_steps
        if step == 1 or step % self.every == 0 or last:
            self._save(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save if training ended unannounced, such as by a limit on time or epochs."""
        if trainer.global_step != self.saved_at:
            self._save(trainer)

    def _save(self, trainer: Trainer) -> None:
        trainer.save_checkpoint(self.path)
        self.saved_at = trainer.global_step

    def state_dict(self) -> dict[str, Any]:
        """The random state of torch on CPU and GPUs."""
        return {"cpu": torch.get_rng_state(), "cuda": torch.cuda.get_rng_state_all()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keep the random state for the first step."""
        self.random_state = state_dict


def _has_keys(expected: Any, found: Any) -> bool:
    """Whether `found` has all keys of the nested dicts `expected`."""
    if not isinstance(expected, dict):
        return True
    if not isinstance(found, dict):
        return False
    return all(key in found and _has_keys(expected[key], found[key]) for key in expected)


def _fits(state: Any, optimizer: Optimizer) -> bool:
    """Whether `state` belongs to an optimiser like this one, after at least one step."""
    if not (isinstance(state, dict) and state.get("state")):
        return False
    expected = optimizer.state_dict()["param_groups"]
    groups = state.get("param_groups")
    return isinstance(groups, list) and [g["params"] for g in expected] == [
        g.get("params") for g in groups if isinstance(g, dict)
    ]
