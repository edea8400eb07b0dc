"""Pixel optimisation (Gatys et al. 2016): the picture itself is optimised, and no net is."""

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
"""Adam's learning rate, a share of the pixel range. Total loss of a photo of 256x256 after 60
iterations for The Starry Night at rates of 0.01, 0.02 and 0.05: 0.96, 0.84 and 0.77 from the photo,
1.43, 1.12 and 0.89 from noise."""

_LARGE = 1e6
"""The loss is scaled to this value at the start. L-BFGS itself does not depend on the scale. But
torch's L-BFGS drops curvature updates below 1e-10, and then it hardly moves."""

_FIRST = 1 / 255
"""Mean change of a pixel in the first step of L-BFGS. Torch's own first step sums to 1 over all
pixels. So short a step measures hardly any curvature: the second step then took a photo of a flower
to 35 times the pixel range."""

_RUNAWAY = 1.0
"""A step has run away where pixels lie farther from [0, 1] in the mean. No gradient leads back from
there. A usual step ends at 0.005."""

_SLOWEST = 1 / 64
"""The shortest step, as a share of the full one. Where it runs away, shorter steps do, too."""

_HISTORY_BYTES = 2**29
_HISTORY = (10, 100)
"""Fewest and most past iterations that L-BFGS keeps, two pictures for each. Torch keeps 100; large
pictures get fewer, within `_HISTORY_BYTES`."""


class PixelLoss:
    """The loss of a picture against one photo and the loss's style targets.

    Args:
        vgg: with the layers of `loss`.
        loss: its style targets are set.
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
    """The state before an iteration.

    number: from 0. image: (1, 3, H, W), clamped to [0, 1]. terms: its loss terms and ``total``.
    """

    number: int
    image: Tensor
    terms: dict[str, float]


def optimize(
    loss: PixelLoss, start: Tensor, iterations: int, optimizer: str = "lbfgs"
) -> Iterator[Iteration]:
    """Change the pixels of `start` (1, 3, H, W) so that `loss` falls.

    L-BFGS runs without line search, with one evaluation an iteration, as in the literature. Only
    its first step is longer. Where a step runs away, the step is undone, L-BFGS starts anew, and
    all later steps are half as long.

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
