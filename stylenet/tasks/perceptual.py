"""The main task: one net learns one style from photos, under the perceptual loss."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

import torch
from numpy import uint8
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from stylenet.data.samples import sample_photos
from stylenet.losses.functional import in_range
from stylenet.losses.perceptual import PerceptualLoss
from stylenet.nets.traits import traits
from stylenet.ops.layout import laid_out
from stylenet.pictures.resizing import resize_shorter_side
from stylenet.pixels.optimisation import PixelLoss
from stylenet.pixels.strength import calibrate
from stylenet.pixels.vigour import style_weights
from stylenet.system.errors import UserError
from stylenet.tasks.base import Targets, Task, means_of
from stylenet.tasks.shared import is_first
from stylenet.tensors import to_tensor
from stylenet.vgg import VGG

UNSEEN_SIDE = 256


class PerceptualTask(Task):
    """Fit `net` so that its outputs have the photo's content and the picture's style.

    The objective is the mean over images of the logarithm of the total loss. So each photo counts
    by its relative progress. A plain mean would follow the few photos of large loss.

    Args:
        net: image → image, (B, 3, H, W) in [0, 1].
        vgg: makes the feature extractor for a list of layers.
        loss: content, style and total-variation terms with their weights.
        style: the style picture, uint8 (H, W, 3); None if the task reads its own styles.
        style_size: shorter side of the style picture in pixels. It sets the size of strokes.
        optimizer: makes the optimiser for the net's parameters.
        schedule: makes the per-step schedule, called with ``(optimizer, steps=…)``.

    Raises:
        UserError: the net has several styles, but the task learns one.
    """

    several: ClassVar[bool] = False
    """Whether the task is for nets of several styles."""

    def __init__(
        self,
        net: nn.Module,
        vgg: Callable[[list[str]], VGG],
        loss: PerceptualLoss,
        style: NDArray[uint8] | None,
        style_size: int,
        optimizer: Callable[..., Optimizer],
        schedule: Callable[..., LRScheduler],
    ) -> None:
        if traits(net).styles and not self.several:
            raise UserError("net=multistyle learns several styles; add task=multistyle")
        net = net.to(memory_format=torch.channels_last)
        super().__init__(net, optimizer, schedule)
        self.vgg = vgg(loss.layers)
        self.exact = self.vgg
        self.loss = loss
        self.style_size = style_size
        if style is not None:
            self.style = style

    def read_style(self) -> None:
        """Set the loss to the style picture, and its weight to the picture.

        The weight gives the requested style reduction, or follows the picture's vigour. Only the
        first process of a training calibrates it, because that takes a while.

        Raises:
            UserError: the weights of VGG cannot be obtained.
        """
        if self.loss.strength is not None and is_first():
            scale = self.style_size / UNSEEN_SIDE
            calibrate(self.vgg, self.loss, sample_photos(), [self.style], [1.0], scale)
        self.set_style(self.style, self.style_size)
        if self.loss.vigour:
            [self.loss.weights["style"]] = style_weights(self.vgg, self.loss, [self.style])

    def setup(self, stage: str) -> None:
        """Take the style weight from the first process."""
        super().setup(stage)
        weights = self.loss.weights
        weights["style"] = self.trainer.strategy.broadcast(weights["style"])

    @torch.no_grad()
    def set_style(self, style: NDArray[uint8], style_size: int) -> None:
        """Set the loss to a style picture, uint8 (H, W, 3), at a shorter side of `style_size`."""
        self.loss.set_style(self.vgg(to_tensor(resize_shorter_side(style, style_size))))

    def on_fit_start(self) -> None:
        """Cast the frozen VGG once to the precision of training. Autocast casts in every step."""
        if self.trainer.precision == "bf16-mixed":
            self.vgg = copy.deepcopy(self.exact)
            self.vgg.stages.bfloat16()

    def on_fit_end(self) -> None:
        """Restore the VGG with unrounded weights, which judges the results."""
        self.vgg = self.exact

    def objective(self, batch: Tensor, targets: Targets) -> tuple[Tensor, dict[str, Tensor]]:
        """The mean of the logarithms of the total loss of photos, (B, 3, H, W)."""
        terms = self.terms(laid_out(batch), targets)
        total = self.total(terms, targets)
        return total.log().mean(), means_of({**terms, "total": total})

    def terms(self, photo: Tensor, targets: Targets) -> dict[str, Tensor]:
        """The unweighted loss terms of stylising `photo` (B, 3, H, W), each (B,)."""
        return self.perceptual_terms(photo, self.net(photo))

    def perceptual_terms(
        self, photo: Tensor, stylized: Tensor, grams: Mapping[str, Tensor] | None = None
    ) -> dict[str, Tensor]:
        """The unweighted terms of one result for `photo`, both (B, 3, H, W), each (B,).

        Results are clamped first, because files hold clamped values. Without clamping, the loss of
        a trained net was 3 % below the loss of its files.

        Args:
            grams: as in `PerceptualLoss.forward`.
        """
        stylized = in_range(stylized)
        with torch.no_grad():
            content = self.vgg(photo, self.loss.content_layers)
        own = () if grams is None else (grams,)  # a loss of the user's may know no others
        terms: dict[str, Tensor] = self.loss(stylized, self.vgg(stylized), content, *own)
        return terms

    def total(self, terms: Mapping[str, Tensor], targets: Targets) -> Tensor:
        """The weighted sum of the terms, (B,)."""
        return self.loss.total(terms)

    def unseen_terms(self, photos: Iterable[tuple[str, NDArray[uint8]]]) -> dict[str, float]:
        """The mean unweighted terms, and the total, of clamped results.

        Args:
            photos: names and pictures, uint8 (H, W, 3); resized to a shorter side of
                `UNSEEN_SIDE` pixels.
        """
        return self.terms_of(self.net, photos)

    @torch.no_grad()
    def terms_of(
        self,
        net: nn.Module,
        photos: Iterable[tuple[str, NDArray[uint8]]],
        loss: PerceptualLoss | None = None,
    ) -> dict[str, float]:
        """`unseen_terms` for any net, by the task's loss or another."""
        net.eval()
        rows = []
        for _, rgb in photos:
            photo = to_tensor(resize_shorter_side(rgb, UNSEEN_SIDE)).to(self.device)
            rows.append(PixelLoss(self.vgg, loss or self.loss, photo)(net(photo)))
        return {name: sum(row[name].item() for row in rows) / len(rows) for name in rows[0]}

    def measured(self) -> dict[str, Any]:
        """The style weight, if it was set to the picture."""
        if self.loss.strength is None and not self.loss.vigour:
            return {}
        return {"style_weight": self.loss.weights["style"]}
