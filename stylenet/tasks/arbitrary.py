"""The task for any style: a net learns from pairs of a photo and a style picture."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

import torch
from numpy import uint8
from numpy.typing import NDArray
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from stylenet.data.source import key_sha256
from stylenet.data.style_pictures import Homages, style_pictures
from stylenet.losses.arbitrary import ArbitraryLoss
from stylenet.nets.arbitrary import ArbitraryNet, Features, Styled, padded
from stylenet.pictures.resizing import resize_shorter_side
from stylenet.runtime.codes import fitted
from stylenet.styles.picture import Style, StylePicture
from stylenet.tasks.base import Targets, Task, means_of
from stylenet.tensors import to_tensor

UNSEEN_SIDE = 256

_log = logging.getLogger(__name__)


class ArbitraryTask(Task):
    """Fit the decoder of `net`, so that any photo takes the style of any picture.

    The objective is the mean over pairs of the logarithm of the total loss, as in
    `PerceptualTask`.

    Args:
        net: photo and style picture → image.
        loss: content, style and identity terms with their weights, at layers of the net's encoder.
        preview: the style of preview sheets.
        styles: the style pictures that the data reads. The task only names them in checkpoints.
        optimizer: makes the optimiser for the net's parameters.
        schedule: makes the per-step schedule, called with ``(optimizer, steps=…)``.
    """

    net: ArbitraryNet

    def __init__(
        self,
        net: ArbitraryNet,
        loss: ArbitraryLoss,
        preview: Style,
        styles: str,
        optimizer: Callable[..., Optimizer],
        schedule: Callable[..., LRScheduler],
    ) -> None:
        net = net.to(memory_format=torch.channels_last)
        super().__init__(net, optimizer, schedule)
        self.loss = loss
        self.preview = preview
        self.styles = style_pictures(styles)
        self.shown: list[StylePicture] = []

    def read_style(self) -> None:
        """Read the picture of the previews. The data reads the pictures to learn from.

        Raises:
            UserError: the picture cannot be obtained.
        """
        self.shown = [self.preview.picture("task.preview.image=PATH, for the previews")]
        self.style = self.shown[0].rgb
        if isinstance(self.styles, Homages):
            _log.warning(
                "training on %s, enough to try it out; give pictures with data.styles=FOLDER",
                self.styles.title,
            )

    def style_pictures(self) -> list[StylePicture]:
        """The picture of the previews."""
        return self.shown

    def forward(self, photo: Tensor) -> Tensor:
        """Stylise in the style of the previews: (B, 3, H, W) in [0, 1] → same shape, unclamped."""
        stylized: Tensor = Styled(self.net, self.net.code(self._preview().to(photo)))(photo)
        return stylized

    def terms(self, photo: Tensor, style: Tensor) -> dict[str, Tensor]:
        """The unweighted loss terms of each photo in the style beside it, each (B,).

        Args:
            photo, style: (B, 3, H, W) in [0, 1].
        """
        photo, style = padded(photo), padded(style)
        with torch.no_grad():
            source, target = self.net.encode(photo), self.net.encode(style)
        moved = self.net.transfer(source, self.net.code_of(target))
        stylized = self.net.decoder(moved)
        content = source if self.loss.normalize else {**source, **moved}
        terms: dict[str, Tensor] = self.loss(self.net.encode(stylized), content, target)
        if self.loss.has_identity:
            own, same = self._identity(photo, source), self._identity(style, target)
            terms |= {name: own[name] + same[name] for name in own}
        return terms

    @torch.no_grad()
    def unseen_terms(self, photos: Iterable[tuple[str, NDArray[uint8]]]) -> dict[str, float]:
        """The mean unweighted terms, and the total, of photos in the style of the previews.

        Args:
            photos: names and pictures, uint8 (H, W, 3); resized to a shorter side of
                `UNSEEN_SIDE` pixels.
        """
        self.net.eval()
        style = self._preview().to(self.device)
        rows = []
        for _, rgb in photos:
            photo = to_tensor(resize_shorter_side(rgb, UNSEEN_SIDE)).to(self.device)
            terms = self.terms(photo, style)
            rows.append({**terms, "total": self.loss.total(terms)})
        return {name: sum(row[name].item() for row in rows) / len(rows) for name in rows[0]}

    def style_note(self) -> dict[str, Any]:
        """The collection of style pictures. Its sha256 covers their names, sizes and dates.

        ``preview`` is the note on the picture of the previews, from which the net learns nothing.
        """
        return {
            "name": "arbitrary",
            "origin": "collection",
            "sha256": key_sha256(self.styles),
            "credit": self.styles.title,
            "preview": self.shown[0].note(),
        }

    def objective(self, batch: Tensor, targets: Targets) -> tuple[Tensor, dict[str, Tensor]]:
        """The mean of the logarithms of the total loss of photos and styles, (2, B, 3, H, W)."""
        photo, style = (image.contiguous(memory_format=torch.channels_last) for image in batch)
        terms = self.terms(photo, style)
        total = self.loss.total(terms)
        return total.log().mean(), means_of({**terms, "total": total})

    def _preview(self) -> Tensor:
        return to_tensor(fitted(self.style))

    def _identity(self, image: Tensor, features: Features) -> dict[str, Tensor]:
        result = self.net.decoder(self.net.transfer(features, self.net.code_of(features)))
        return self.loss.identity(result, image, self.net.encode(result), features)
