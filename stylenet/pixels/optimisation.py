"""Pixel optimisation (Gatys et al. 2016): no net learns, the picture itself does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim import LBFGS, Adam, Optimizer

from stylenet.losses.perceptual import PerceptualLoss
from stylenet.system.errors import UserError
from stylenet.vgg import VGG

OPTIMIZERS = ("lbfgs", "adam")

ADAM_RATE = 0.05
"""Of the pixel range, a step. Total loss of a photo of 256x256 after 60 iterations for The Starry
Night at 0.01, 0.02, 0.05: 0.96, 0.84, 0.77 from the photo, 1.43, 1.12, 0.89 from noise."""

_LARGE = 1e6
"""What the loss is scaled to begin with: L-BFGS is blind to scale, but that torch's leaves out what
it learns of the curvature where that is below 1e-10, and then hardly moves."""

_FIRST = 1 / 255
"""Mean change of a pixel in L-BFGS's first step. Torch's, which sums to 1 over all of them, feels
hardly any curvature; the second step then took a photo of a flower to 35 times the range."""

_RUNAWAY = 1.0
"""How far, in the mean, pixels may lie beyond [0, 1], where no gradient leads back: 0.005 as a
rule."""

_SLOWEST = 1 / 64
"""Of the step; where even that runs away, no shorter one will help."""

_HISTORY_BYTES = 2**29
_HISTORY = (10, 100)
"""L-BFGS keeps two pictures an iteration of the past: torch's hundred, fewer of large pictures."""


class PixelLoss:
    """The loss of a picture against one photo and the loss's style targets.

    Args:
        vgg: with the layers of `loss`.
        loss: its style set.
        photo: (1, 3, H, W) in [0, 1].
    """

    def __init__(self, vgg: VGG, loss: PerceptualLoss, photo: Tensor) -> None:
        self.vgg = vgg
        self.loss = loss
        with torch.no_grad():
            self.content = vgg(photo, loss.content_layers)

    def __call__(self, image: Tensor) -> dict[str, Tensor]:
        """Every unweighted term of `image` (1, 3, H, W), clamped to [0, 1], and their total."""
        image = image.clamp(0, 1)
        terms: dict[str, Tensor] = self.loss(image, self.vgg(image), self.content)
        return {**terms, "total": self.loss.total(terms)}


@dataclass(frozen=True)
class Iteration:
    """What an iteration begins with.

    number: from 0. image: (1, 3, H, W), clamped to [0, 1]. terms: its loss terms and ``total``.
    """

    number: int
    image: Tensor
    terms: dict[str, float]


def optimize(
    loss: PixelLoss, start: Tensor, iterations: int, optimizer: str = "lbfgs"
) -> Iterator[Iteration]:
    """Change the pixels of `start` (1, 3, H, W) so that `loss` falls.

    L-BFGS runs as the literature runs it, without line search, one evaluation an iteration, but for
    its first step. Where a step runs away, it is taken back, what was learnt is forgotten, and
    steps are half as long from then.

    Yields:
        The state before each iteration, and after the last: ``iterations + 1`` of them.

    Raises:
        UserError: an unknown optimiser, a loss that is no number, or steps that all run away.
    """
    image = start.detach().clone(memory_format=torch.contiguous_format).requires_grad_()
    rate = 1.0
    stepper = _make(optimizer, image, rate)
    found: dict[str, Tensor] = {}

    with torch.no_grad():
        scale = _LARGE / (loss(image)["total"].item() or 1.0)

    def closure() -> Tensor:
        stepper.zero_grad()
        found.update(loss(image))
        total = found["total"].sum() * scale
        torch.autograd.backward(total)
        return total

    for number in range(iterations + 1):
        before = image.detach().clamp(0, 1)
        stepper.step(closure)  # type: ignore[arg-type]  # torch's L-BFGS takes a tensor
        terms = {name: term.item() for name, term in found.items()}
        if _ran_away(image):
            rate /= 2
            image.data.copy_(before)
            stepper = _make(optimizer, image, rate)
        if rate < _SLOWEST or not torch.isfinite(found["total"]).all():
            raise UserError(
                f"the loss is no number after {number} iterations; use --optimizer adam, or "
                "smaller weights"
            )
        yield Iteration(number, before, terms)


def _ran_away(image: Tensor) -> bool:
    beyond = image.detach() - image.detach().clamp(0, 1)
    return not beyond.abs().mean().item() <= _RUNAWAY


def _make(name: str, image: Tensor, rate: float) -> Optimizer:
    if name == "adam":
        return Adam([image], lr=rate * ADAM_RATE)
    if name != "lbfgs":
        raise UserError(f"optimizer={name} is unknown; use {' or '.join(OPTIMIZERS)}")
    fewest, most = _HISTORY
    history = max(fewest, min(most, _HISTORY_BYTES // (2 * image.nbytes)))
    first = rate * _FIRST * image.numel()
    stepper = LBFGS([image], lr=first, max_iter=1, history_size=history)
    stepper.register_step_post_hook(lambda *_: stepper.param_groups[0].update(lr=rate))
    return stepper


def noise(size: tuple[int, int], seed: int) -> Tensor:
    """White noise around middle grey, (1, 3, H, W) in [0, 1]: the start of Gatys et al. 2016."""
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn(1, 3, *size, generator=generator) * 0.1 + 0.5).clamp(0, 1)
