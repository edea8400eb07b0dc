"""What a change of precision costs in the loss that the net was trained with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stylenet.models.criterion import criterion
from stylenet.models.learnt import has_picture, learnt_picture
from stylenet.pictures.images import Bytes
from stylenet.pictures.resizing import resize_shorter_side
from stylenet.system.errors import UserError
from stylenet.system.untrusted import mapping
from stylenet.tensors import to_tensor

MOST = 0.03
"""The part by which the total loss may change."""


def loss_drift(
    config: dict[str, Any],
    photos: Sequence[Bytes],
    before: Callable[[Bytes], Bytes],
    after: Callable[[Bytes], Bytes],
    folder: Path | None = None,
) -> float:
    """The mean total loss of `after`'s results over that of `before`'s, less 1.

    Args:
        config: of the training. photos: uint8 (H, W, 3) each. folder: of the model's file, where a
            picture of the user's own may lie.

    Raises:
        UserError: the style picture or the VGG weights cannot be had, or the loss is another one.
    """
    if "vgg" not in mapping(config, "task"):
        raise UserError("it was not trained with a perceptual loss")
    if not has_picture(config):
        raise UserError("a mixture of styles has no picture of its own")
    trained = criterion(config)
    loss, vgg = trained.loss, trained.vgg
    picture = learnt_picture(config, folder or Path()).rgb

    @torch.no_grad()
    def total(photo: Bytes, stylized: Bytes) -> float:
        image = to_tensor(stylized)
        content = vgg(to_tensor(photo), loss.content_layers)
        return loss.total(loss(image, vgg(image), content)).item()

    with torch.no_grad():
        loss.set_style(vgg(to_tensor(resize_shorter_side(picture, trained.style_size))))
    means = [np.mean([total(photo, net(photo)) for photo in photos]) for net in (before, after)]
    return float(means[1] / means[0] - 1)
