"""How many iterations pixel optimisation needs to equal a net's one pass."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

import torch

from stylenet.models.checkpoint import TrainedModel
from stylenet.models.criterion import criterion
from stylenet.nets.apply import apply_net
from stylenet.pictures.images import Bytes
from stylenet.pictures.resizing import resize_shorter_side
from stylenet.pixels.optimisation import PixelLoss, optimize
from stylenet.pixels.yardstick import ITERATIONS, equalled
from stylenet.tensors import to_tensor

SIDE = 256
"""Larger photos are shrunk to this shorter side, in pixels, where an iteration takes a second of
one core."""


def lbfgs_iteration(model: TrainedModel, photos: Sequence[Bytes], style: Bytes) -> float:
    """The iteration of L-BFGS whose total loss equals that of the net's results, mean over photos.

    The loss is the run's own, with its own weights. So the figure tells how well the run has learnt
    its own task.

    Args:
        photos, style: uint8 (H, W, 3).

    Returns:
        From 0, the photo itself, to 101, better than the last of 100.

    Raises:
        UserError: the model's config describes no perceptual loss.
    """
    device = next(model.net.parameters()).device
    trained = criterion(model.config, device=device)
    trained.set_style(style)
    found = []
    for photo in photos:
        small = resize_shorter_side(photo, SIDE) if min(photo.shape[:2]) > SIDE else photo
        start, result = (to_tensor(rgb).to(device) for rgb in (small, apply_net(model.net, small)))
        found.append(_equalled(PixelLoss(trained.vgg, trained.loss, start), start, result))
    return fmean(found)


def _equalled(loss: PixelLoss, start: torch.Tensor, result: torch.Tensor) -> float:
    with torch.no_grad():
        wanted = loss(result)["total"].item()
    curve: list[float] = []
    for step in optimize(loss, start, ITERATIONS):
        curve.append(step.terms["total"])
        if len(curve) > 1 and curve[-1] <= wanted:
            break
    return equalled(curve, wanted)
