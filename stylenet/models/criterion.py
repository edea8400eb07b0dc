"""The loss that a model was trained under, as its file tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stylenet.losses.perceptual import PerceptualLoss
from stylenet.models.recipes import build
from stylenet.system.errors import UserError
from stylenet.system.untrusted import label, mapping
from stylenet.vgg import VGG

_MOST = 4096
"""Pixels of a style picture's shorter side: more would fill the memory."""


@dataclass(frozen=True)
class Criterion:
    """A perceptual loss, the VGG for its layers, and the style picture's shorter side for it."""

    loss: PerceptualLoss
    vgg: VGG
    style_size: int


def criterion(config: Mapping[str, Any], measured: bool = True) -> Criterion:
    """What a config describes.

    Args:
        measured: with the weight that training has measured, where it has.

    Raises:
        UserError: it describes no perceptual loss, or something that cannot be built.
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
    return Criterion(loss, build(task["vgg"], layers=loss.layers), size)
