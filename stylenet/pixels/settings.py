"""The settings of pixel optimisation: those of a training, with the overrides of a command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hydra.utils import instantiate
from omegaconf import DictConfig

from stylenet.config import compose as configs
from stylenet.losses.perceptual import PerceptualLoss
from stylenet.system.errors import UserError
from stylenet.vgg import VGG


@dataclass(frozen=True)
class Described:
    """What the config describes: the loss, how to make its VGG, the size of strokes, the scene."""

    loss: PerceptualLoss
    make_vgg: Callable[[list[str]], VGG]
    style_size: int
    scene: DictConfig | None


def described(*overrides: str) -> Described:
    """Compose the config of a training with `overrides`.

    Raises:
        UserError: an override is wrong, or the task has no perceptual loss.
    """
    cfg = configs.composed(["trainer=cpu", *overrides])
    with configs.building():
        loss, vgg = instantiate(cfg.loss), instantiate(cfg.task.get("vgg"))
    if not isinstance(loss, PerceptualLoss) or vgg is None:
        raise UserError(
            "pixels are optimised by a perceptual loss; use task=perceptual, loss=default"
        )
    return Described(loss, vgg, cfg.task.style_size, cfg.scene)
