"""Loggers beyond the run folder: Weights & Biases and TensorBoard."""

from __future__ import annotations

from typing import Any

import wandb
from pytorch_lightning.loggers import TensorBoardLogger, WandbLogger
from pytorch_lightning.utilities import rank_zero_only

from stylenet.errors import UserError


class Wandb(WandbLogger):
    """Weights & Biases, one run there for each training, opened and ended with it.

    Args:
        offline: keep everything in `save_dir`; ``wandb sync`` sends it later.
        options: of Lightning's logger and of ``wandb.init``.
    """

    def __init__(self, offline: bool, **options: Any) -> None:
        # Lightning's own `offline` would put all later runs of the process offline too.
        super().__init__(mode="offline" if offline else None, **options)
        self._wandb_init.pop("anonymous", None)  # wandb warns of it, whatever its value

    @property
    def experiment(self) -> Any:
        """The run, opened at the first call.

        Raises:
            UserError: wandb cannot open it, mostly for want of a login or a network.
        """
        try:
            return super().experiment
        except wandb.Error as error:
            raise UserError(_mend(error)) from error

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """End the run, lest the next training of this process goes on with it."""
        super().finalize(status)
        if self._experiment is not None:
            self._experiment.finish(exit_code=int(status != "success"))


def _mend(error: wandb.Error) -> str:
    if "No API key" in str(error):
        return "logger=wandb is not logged in; run `wandb login` or add logger.wandb.offline=true"
    said = " ".join(str(error).split()).rstrip(".")
    return f"logger=wandb: {said}; mend that or add logger.wandb.offline=true"


def tensorboard(**options: Any) -> TensorBoardLogger:
    """TensorBoard event files.

    Args:
        options: of Lightning's logger.

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
