"""The task for several styles: one net learns them all, and photos take the styles in turn."""

from __future__ import annotations

import copy
import hashlib
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from numpy import uint8
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import one_hot
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from stylenet.losses.perceptual import PerceptualLoss
from stylenet.nets.apply import apply_net
from stylenet.nets.multistyle import MultiStyleNet, style_name
from stylenet.pictures.resizing import square
from stylenet.pixels.vigour import style_weights
from stylenet.styles.chosen import find_style
from stylenet.styles.picture import StylePicture
from stylenet.system.errors import UserError
from stylenet.tasks.base import Targets
from stylenet.tasks.perceptual import PerceptualTask
from stylenet.vgg import VGG

MEND = "net.styles=[PATH,NAME]"
"""Advice in messages on how to give the picture of a style."""

CELL = 128
"""Side in pixels of each style picture on preview sheets."""


class MultiStyleTask(PerceptualTask):
    """Fit `net` so that each of its styles paints photos as a net of that style alone would.

    Photo number `i` of the training gets style `i` modulo the number of styles. So a resumed run
    continues the turns.

    Args:
        net: a net with these styles.
        styles: names of shipped styles, or picture files.
        vgg, loss, style_size, optimizer, schedule: as in `PerceptualTask`.

    Raises:
        UserError: the net has a single style, the loss calibrates its weight, or `styles` differ
            from the styles of the net.
    """

    net: MultiStyleNet
    style_weights: Tensor
    """(S,), one for each style."""
    several: ClassVar[bool] = True

    def __init__(
        self,
        net: MultiStyleNet,
        vgg: Callable[[list[str]], VGG],
        loss: PerceptualLoss,
        styles: Sequence[str],
        style_size: int,
        optimizer: Callable[..., Optimizer],
        schedule: Callable[..., LRScheduler],
    ) -> None:
        if not isinstance(net, MultiStyleNet):
            raise UserError(
                "task=multistyle needs net=multistyle; choose the net within it by net@net.net=slim"
            )
        if loss.strength is not None:
            raise UserError("loss.strength is for one style; use loss.style_weight")
        super().__init__(net, vgg, loss, None, style_size, optimizer, schedule)
        if [style_name(style) for style in styles] != net.styles:
            raise UserError("task.styles are not net.styles; give net.styles alone")
        self.styles = list(styles)
        self.pictures: list[StylePicture] = []
        self.notes: list[dict[str, str | None]] = []
        self.register_buffer("style_weights", torch.empty(0), persistent=False)

    def read_style(self) -> None:
        """Read the pictures, and compute the targets and the style weight of the loss for each.

        Raises:
            UserError: a picture cannot be found or read.
        """
        self.pictures = [find_style(style).picture(MEND) for style in self.styles]
        pictures = [picture.rgb for picture in self.pictures]
        self.style = _mosaic(pictures)
        self.notes = [picture.note() for picture in self.pictures]
        grams = [self._grams(picture) for picture in pictures]
        self.loss.set_targets({k: torch.cat([each[k] for each in grams]) for k in grams[0]})
        self.style_weights = torch.tensor(style_weights(self.vgg, self.loss, pictures))

    def style_pictures(self) -> list[StylePicture]:
        """The pictures of all styles."""
        return self.pictures

    def _grams(self, picture: NDArray[uint8]) -> dict[str, Tensor]:
        """The loss's targets for one picture, by style layer."""
        self.set_style(picture, self.style_size)
        return self.loss.style_targets()

    def targets(self, batch: Tensor) -> Targets:
        """``styles``, (B,): the number of the style next in turn for each photo of (B, 3, H, W)."""
        turns = torch.arange(len(batch), device=batch.device) + self.first_photo(len(batch))
        return {"styles": turns % len(self.notes)}

    def terms(self, photo: Tensor, targets: Targets) -> dict[str, Tensor]:
        """The unweighted terms of each photo (B, 3, H, W) in its style, each (B,)."""
        styles = targets["styles"]
        grams = {layer: every[styles] for layer, every in self.loss.style_targets().items()}
        weights = one_hot(styles, len(self.notes)).to(photo.dtype)
        return self.perceptual_terms(photo, self.net(photo, weights), grams)

    def total(self, terms: Mapping[str, Tensor], targets: Targets) -> Tensor:
        """The weighted sum of the terms, (B,), by the style weight of each photo's style."""
        return self.loss.total(terms, self.style_weights[targets["styles"]])

    def loss_in(self, number: int) -> PerceptualLoss:
        """The loss of one style alone."""
        loss = copy.deepcopy(self.loss)
        grams = self.loss.style_targets()
        loss.set_targets({layer: every[number : number + 1] for layer, every in grams.items()})
        loss.weights["style"] = float(self.style_weights[number])
        return loss

    def unseen_terms(self, photos: Iterable[tuple[str, NDArray[uint8]]]) -> dict[str, float]:
        """The mean unweighted terms, and the total, of clamped results: all photos, all styles."""
        photos = list(photos)
        rows = []
        for number, net in enumerate(self._plain_nets()):
            rows.append(self.terms_of(net, photos, self.loss_in(number)))
        return {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]}

    def previews(
        self, photos: Iterable[tuple[str, NDArray[uint8]]]
    ) -> list[tuple[str, NDArray[uint8], NDArray[uint8]]]:
        """Every style once, on the photos in turn."""
        turns = zip(
            itertools.cycle(list(photos)), self.net.styles, self._plain_nets(), strict=False
        )
        return [(f"{name}, {style}", rgb, apply_net(net, rgb)) for (name, rgb), style, net in turns]

    def measured(self) -> dict[str, Any]:
        """The style weight of each style."""
        return {
            "style_weights": dict(zip(self.net.styles, self.style_weights.tolist(), strict=True))
        }

    def style_note(self) -> dict[str, Any]:
        """The note on all pictures as one collection. Its sha256 is taken over theirs."""
        sums = " ".join(picture.sha256 for picture in self.pictures)
        return {
            "name": "multistyle",
            "origin": "collection",
            "sha256": hashlib.sha256(sums.encode()).hexdigest(),
            "credit": "; ".join(picture.credit for picture in self.pictures),
            "pictures": self.notes,
        }

    def _plain_nets(self) -> Iterator[nn.Module]:
        """The plain net of each style."""
        for weights in torch.eye(len(self.notes), device=self.device):
            yield self.net.mixture(weights[None]).eval()


def _mosaic(pictures: Sequence[NDArray[uint8]]) -> NDArray[uint8]:
    """The central squares of all pictures in one picture, row by row."""
    across = math.ceil(math.sqrt(len(pictures)))
    canvas = Image.new("RGB", (across * CELL, -(-len(pictures) // across) * CELL), "white")
    for number, rgb in enumerate(pictures):
        cell = Image.fromarray(square(rgb, CELL))
        canvas.paste(cell, (number % across * CELL, number // across * CELL))
    return np.asarray(canvas)
