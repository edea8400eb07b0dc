"""Coarse to fine: pixel optimisation of large pictures, from a small size up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from stylenet.losses.perceptual import PerceptualLoss
from stylenet.pixels.optimisation import Iteration, PixelLoss, optimize
from stylenet.vgg import VGG

COARSEST = 512
"""Longest side, in pixels, that needs no coarser size. Gatys et al. 2017 (section 6) start at about
500 pixels, because larger pictures exceed the receptive field of VGG."""

FINER = 0.4
"""Share of the iterations at each size after the coarsest. Gatys et al. 2017 take 200 of 500."""

_FEWEST = 32


@dataclass(frozen=True)
class Level:
    """One size of the pyramid.

    scale: this size as a share of the full size. iterations: at this size.
    """

    scale: float
    iterations: int


def levels(size: tuple[int, int], iterations: int) -> list[Level]:
    """The pyramid's levels for a picture of `size` (height, width), coarse to fine.

    The coarsest level gets `iterations`. Each finer level gets `FINER` of them.
    """
    halvings = 0
    while max(size) / 2**halvings > COARSEST and min(size) / 2 ** (halvings + 1) >= _FEWEST:
        halvings += 1
    finer = [Level(0.5**k, round(iterations * FINER)) for k in reversed(range(halvings))]
    return [Level(0.5**halvings, iterations), *finer]


@dataclass(frozen=True)
class Painting:
    """What is optimised: images (1, 3, H, W) in [0, 1].

    photo: the content. start: the first state of the result, as large as the photo. styles: style
    pictures, at the scale that their strokes shall have at full size. shares: a weight for each
    style picture.
    """

    photo: Tensor
    start: Tensor
    styles: Sequence[Tensor]
    shares: Sequence[float]


def paint(
    painting: Painting,
    vgg: VGG,
    loss: PerceptualLoss,
    iterations: int,
    optimizer: str = "lbfgs",
) -> Iterator[Iteration]:
    """Optimise at every level. Each level starts from the enlarged result of the level before.

    Yields:
        As `optimize` does, with numbers that go on over all levels. The image has the level's size.
    """
    size = (painting.photo.shape[-2], painting.photo.shape[-1])
    image, begun = painting.start, 0
    for level in levels(size, iterations):
        shown = (round(size[0] * level.scale), round(size[1] * level.scale))
        photo = resize(painting.photo, shown)
        _set_styles(painting, vgg, loss, level.scale)
        pixels = PixelLoss(vgg, loss, photo)
        for step in optimize(pixels, resize(image, shown), level.iterations, optimizer):
            yield replace(step, number=begun + step.number)
        image, begun = step.image, begun + level.iterations


def _set_styles(painting: Painting, vgg: VGG, loss: PerceptualLoss, scale: float) -> None:
    with torch.no_grad():
        features = []
        for style in painting.styles:
            height, width = style.shape[-2:]
            small = (max(_FEWEST, round(height * scale)), max(_FEWEST, round(width * scale)))
            features.append(vgg(resize(style, small), loss.style_layers))
    loss.set_style(*features, shares=painting.shares)


def resize(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Scale (1, 3, H, W) to `size` (height, width), antialiased, unless it has that size."""
    if tuple(image.shape[-2:]) == size:
        return image
    scaled = interpolate(image, size, mode="bicubic", antialias=True, align_corners=False)
    return scaled.clamp(0, 1)
