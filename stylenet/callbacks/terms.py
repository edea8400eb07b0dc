"""The loss terms of the last step, as the task logged them."""

from __future__ import annotations

from pytorch_lightning import Trainer
from torch import Tensor

PREFIX = "loss/"


def loss_terms(trainer: Trainer) -> dict[str, Tensor]:
    """Term → scalar, still on the device: nothing here waits for the step to end."""
    return {
        name.removeprefix(PREFIX): value
        for name, value in trainer.callback_metrics.items()
        if name.startswith(PREFIX)
    }
