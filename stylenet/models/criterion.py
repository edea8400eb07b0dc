"""The loss that a model was trained under, rebuilt from the config in its file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from stylenet.losses.perceptual import PerceptualLoss
from stylenet.models.recipes import build
from stylenet.pictures.images import Bytes
from stylenet.pictures.resizing import resize_shorter_side
from stylenet.system.errors import UserError
from stylenet.system.untrusted import label, mapping
from stylenet.tensors import to_tensor
from stylenet.vgg import VGG

_MOST = 4096
"""Largest shorter side of a style picture in pixels. A larger one would fill the memory."""


@dataclass(frozen=True)
class Criterion:
    """A perceptual loss and what it needs to judge pictures.

    Attributes:
        loss: the loss, on `device`.
        vgg: the VGG for the layers of the loss, on `device`.
        style_size: shorter side in pixels that the style picture is scaled to.
        device: the device of the loss and VGG.
    """

    loss: PerceptualLoss
    vgg: VGG
    style_size: int
    device: torch.device

    @torch.no_grad()
    def set_style(self, picture: Bytes) -> None:
        """Give the loss its style picture, uint8 (H, W, 3) of any size."""
        style = to_tensor(resize_shorter_side(picture, self.style_size))
        self.loss.set_style(self.vgg(style.to(self.device)))


def criterion(
    config: Mapping[str, Any],
    measured: bool = True,
    device: str | torch.device = "cpu",
) -> Criterion:
    """Build the loss that a config describes. Its style is not yet set.

    Args:
        config: the resolved config of a training.
        measured: whether to take the style weight that training has measured, if it has.
        device: where the loss and VGG are put.

    Raises:
        UserError: the config describes no perceptual loss, or the loss cannot be built.
    """
    task = mapping(config, "task")
    weight = mapping(config, "measured").get("style_weight") if measured else None
    given = {"style_weight": weight} if isinstance(weight, int | float) else {}
    size = task.get("style_size")
    if "vgg" not in task or type(size) is not int:
        raise UserError("it was not trained with a perceptual loss")
    if not 1 <= size <= _MOST:
        raise UserError(f"task.style_size={label(size)} is not between 1 and {_MOST}")
    loss = build(config.get("loss"), **given)
    if not isinstance(loss, PerceptualLoss):
        raise UserError("it was not trained with a perceptual loss")
    vgg = build(task["vgg"], layers=loss.layers)
    return Criterion(loss.to(device), vgg.to(device), size, torch.device(device))
