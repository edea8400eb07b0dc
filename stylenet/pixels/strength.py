"""Style reduction: a style weight that removes the same share of every style's error.

The config calls the style reduction ``loss.strength``.

No formula gives this weight. Equal raw weights, weights relative to the style's energy and weights
relative to the photo's own error all reduce the error of some styles 1.5 times as much as others'.
So the effect of a weight is measured, by pixel optimisation of small photos.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, geometric_mean

import torch
from torch import Tensor

from stylenet.config.hardware import kind
from stylenet.losses.perceptual import PerceptualLoss
from stylenet.pictures.images import Bytes
from stylenet.pictures.resizing import resize_shorter_side
from stylenet.pixels.optimisation import PixelLoss, optimize
from stylenet.system.terminal import progress_bar
from stylenet.tensors import to_tensor
from stylenet.vgg import VGG

SIDE = 96
"""Shorter side of the photos that are measured, in pixels."""

ITERATIONS = 20
"""Iterations of Adam. After so many the loss of so small a photo hardly falls any more."""

_TRIALS = 7
_NEAR = 0.01
"""The search ends when the share differs from the style reduction asked for by less."""
_LEAP = 2.0
"""Step of the weight's logarithm until two trials enclose the style reduction asked for."""
_FAR = 5.0
"""Largest change of the weight's logarithm from its start. Beyond it content no longer counts."""


def calibrate(
    vgg: VGG,
    loss: PerceptualLoss,
    photos: Sequence[Bytes],
    styles: Sequence[Bytes],
    shares: Sequence[float],
    scale: float = 1.0,
) -> None:
    """Set the style weight of `loss` so that its `strength`, a style reduction, is reached.

    The share rises with the weight until content no longer counts. The search is by false position
    on the weight's logarithm. Afterwards the style targets of `loss` are those of small pictures.

    Args:
        photos, styles: uint8 (H, W, 3). shares: a weight for each style.
        scale: the style pictures' shorter side over the photos'. It sets the size of strokes.
    """
    assert loss.strength is not None
    if loss.strength == 0:
        loss.weights["style"] = 0.0
        return
    device = vgg.mean.device
    fast = kind("gpu" if device.type == "cuda" else "cpu") != "cpu"
    with torch.autocast(device.type, torch.bfloat16, enabled=fast):
        small = [to_tensor(resize_shorter_side(photo, SIDE)).to(device) for photo in photos]
        with torch.no_grad():
            side = round(SIDE * scale)
            pictures = [to_tensor(resize_shorter_side(style, side)).to(device) for style in styles]
            loss.set_style(*(vgg(picture) for picture in pictures), shares=shares)
        _search(vgg, loss, small, loss.strength)


def _search(vgg: VGG, loss: PerceptualLoss, photos: Sequence[Tensor], wanted: float) -> None:
    begin = place = _even_weight(vgg, loss, photos)
    trials: dict[float, float] = {}
    with progress_bar() as progress:
        task = progress.add_task(f"loss.strength={wanted:g}", total=_TRIALS * len(photos))
        while len(trials) < _TRIALS and abs(place - begin) <= _FAR:
            loss.weights["style"] = math.exp(place)
            shares = []
            for photo in photos:
                shares.append(reduction(vgg, loss, photo))
                progress.advance(task)
            trials[place] = fmean(shares)
            if abs(trials[place] - wanted) < _NEAR:
                break
            place = _next(trials, wanted)
    nearest = min(trials, key=lambda place: abs(trials[place] - wanted))
    loss.weights["style"] = math.exp(nearest)


def _next(trials: dict[float, float], wanted: float) -> float:
    """The next trial: between the nearest trials below and above `wanted`, or beyond all trials."""
    below = max((place for place, share in trials.items() if share < wanted), default=None)
    above = min((place for place, share in trials.items() if share >= wanted), default=None)
    if below is None or above is None or below > above:
        return max(trials) + _LEAP if above is None else min(trials) - _LEAP
    share = (wanted - trials[below]) / (trials[above] - trials[below])
    return below + min(max(share, 0.2), 0.8) * (above - below)


def reduction(vgg: VGG, loss: PerceptualLoss, photo: Tensor) -> float:
    """The share of the style error of `photo` (1, 3, H, W) that pixel optimisation removes.

    The error that is left is the geometric mean over the style layers, so every layer counts. A
    photo's errors differ tenfold between layers, and change of colour alone removes the largest.
    """
    *_, last = optimize(PixelLoss(vgg, loss, photo), photo, ITERATIONS, "adam")
    return style_reduction(vgg, loss, photo, last.image)


@torch.no_grad()
def style_reduction(vgg: VGG, loss: PerceptualLoss, photo: Tensor, result: Tensor) -> float:
    """The share of the style error of `photo` that is gone in `result`, both (1, 3, H, W)."""
    before, after = (
        [error.item() for error in loss.style_errors(vgg(image, loss.style_layers)).values()]
        for image in (photo, result)
    )
    left = [after / before for before, after in zip(before, after, strict=True)]
    return 1 - geometric_mean(left)


def _even_weight(vgg: VGG, loss: PerceptualLoss, photos: Sequence[Tensor]) -> float:
    """The logarithm of the first weight: style counts as much as content of a grey picture."""
    with torch.no_grad():
        errors = [PixelLoss(vgg, loss, photo)(photo)["style"].item() for photo in photos]
        blanks = [
            PixelLoss(vgg, loss, photo)(torch.full_like(photo, 0.5))["content"].item()
            for photo in photos
        ]
    return math.log(loss.weights["content"] * fmean(blanks) / fmean(errors))
