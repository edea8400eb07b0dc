"""How a change of precision changes the loss that the net was trained with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stylenet.models.criterion import criterion
from stylenet.models.learnt import has_picture, learnt_picture
from stylenet.pictures.images import Bytes
from stylenet.pixels.optimisation import PixelLoss
from stylenet.system.errors import UserError
from stylenet.system.untrusted import mapping
from stylenet.tensors import to_tensor

MOST = 0.03
"""The largest relative change of the total loss that is allowed."""


def loss_drift(
    config: dict[str, Any],
    photos: Sequence[Bytes],
    before: Callable[[Bytes], Bytes],
    after: Callable[[Bytes], Bytes],
    folder: Path | None = None,
) -> float:
    """The relative change of the mean total loss, from the results of `before` to those of `after`.

    Args:
        config: the training's. photos: uint8 (H, W, 3) each. folder: the folder of the model's
            file, which may hold the user's own style picture.

    Raises:
        UserError: the style picture or the VGG weights cannot be read or fetched, or the net was
            not trained with a perceptual loss against one picture.
    """
    if "vgg" in mapping(config, "task") and not has_picture(config):
        raise UserError("a mixture of styles has no picture of its own")
    trained = criterion(config)
    trained.set_style(learnt_picture(config, folder or Path()).rgb)

    @torch.no_grad()
    def total(photo: Bytes, stylized: Bytes) -> float:
        loss = PixelLoss(trained.vgg, trained.loss, to_tensor(photo))
        return loss(to_tensor(stylized))["total"].item()

    means = [np.mean([total(photo, net(photo)) for photo in photos]) for net in (before, after)]
    return float(means[1] / means[0] - 1)
