"""Loggers beyond the run folder: Weights & Biases and TensorBoard."""

from __future__ import annotations

import secrets
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import TensorBoardLogger, WandbLogger
from pytorch_lightning.utilities import rank_zero_only

from stylenet.pictures.images import write_atomically
from stylenet.system.errors import UserError


class Wandb(WandbLogger):
    """Weights & Biases: one W&B run for each training, opened and ended with it.

    A resumed training continues its W&B run. The id of the W&B run is kept in `save_dir`.

    Args:
        offline: keep everything in `save_dir`; ``wandb sync`` sends it later.
        save_dir: the training's own folder.
        options: passed to Lightning's logger and to ``wandb.init``.

    Raises:
        UserError: wandb is not installed.
    """

    def __init__(self, offline: bool, save_dir: str, **options: Any) -> None:
        if find_spec("wandb") is None:
            raise UserError("logger=wandb is not installed; run pip install wandb")
        # Lightning's own `offline` would put all later runs of the process offline too.
        mode, kept = "offline" if offline else None, _kept_id(Path(save_dir) / "wandb" / "run_id")
        super().__init__(mode=mode, save_dir=save_dir, id=kept, resume="allow", **options)
        # A private name: Lightning always passes `anonymous` on, and wandb warns of any value.
        self._wandb_init.pop("anonymous", None)

    @property
    def experiment(self) -> Any:
        """The W&B run, opened at the first call.

        Raises:
            UserError: wandb cannot open the run, mostly because a login or the network is missing.
        """
        import wandb  # other trainings need none

        try:
            return super().experiment
        except wandb.Error as error:
            raise UserError(_mend(error)) from error

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """End the W&B run of a failed training. After others, `end` adds the model and ends it."""
        super().finalize(status)
        if status != "success":
            self._finish(1)

    @rank_zero_only
    def end(self, model: Path | None) -> None:
        """End the W&B run. Otherwise the next training of this process would continue it.

        Args:
            model: the file to keep as an artifact; None if training was cut short.
        """
        import wandb

        # A private name: the public `experiment` would open a run where there is none.
        if model is not None and self._experiment is not None:
            artifact = wandb.Artifact(f"model-{self.experiment.id}", type="model")
            artifact.add_file(str(model))
            self.experiment.log_artifact(artifact)
        self._finish(0)

    def _finish(self, exit_code: int) -> None:
        # A private name, as in `end`.
        if self._experiment is not None:
            self._experiment.finish(exit_code=exit_code)


@rank_zero_only
def _kept_id(file: Path) -> str:
    """The id in `file`. If there is no file, a new id is written to it."""
    if file.is_file():
        return file.read_text()
    new = secrets.token_hex(4)
    write_atomically(file, lambda target: target.write(new.encode()))
    return new


def _mend(error: Exception) -> str:
    if "No API key" in str(error):
        return "logger=wandb is not logged in; run `wandb login` or add logger.wandb.offline=true"
    said = " ".join(str(error).split()).rstrip(".")
    return f"logger=wandb: {said}; mend that or add logger.wandb.offline=true"


def tensorboard(**options: Any) -> TensorBoardLogger:
    """TensorBoard event files.

    Args:
        options: passed to Lightning's logger.

    Raises:
        UserError: tensorboard is not installed.
    """
    try:
        import torch.utils.tensorboard  # noqa: F401
    except ImportError:
        raise UserError(
            "logger=tensorboard is not installed; run pip install 'stylenet[tensorboard]'"
        ) from None
    return TensorBoardLogger(**options)
