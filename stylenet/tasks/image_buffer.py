"""The image buffer: earlier results for a discriminator to judge beside the newest."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from stylenet.system.errors import UserError


class ImageBuffer(nn.Module):
    """Hands on an earlier picture for every other new one (Shrivastava et al. 2017, section 2.3).

    A discriminator so sees earlier results, too. A module, so that checkpoints hold its pictures.

    Args:
        size: pictures to keep; 0 hands on every picture as it comes.

    Raises:
        UserError: a negative size.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        if size < 0:
            raise UserError(f"task.pool={size} is negative; give 0 or more")
        self.size = size
        self.images: list[Tensor] = []

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) → as many, detached: each itself, or one that it takes the place of."""
        return torch.stack([self._exchanged(image) for image in images.detach()])

    def _exchanged(self, image: Tensor) -> Tensor:
        if len(self.images) < self.size:
            self.images.append(image)
            return image
        if self.size == 0 or torch.rand(()) < 0.5:
            return image
        place = int(torch.randint(self.size, ()))
        earlier, self.images[place] = self.images[place], image
        return earlier.to(image.device)

    def get_extra_state(self) -> Tensor:
        """The pictures, (n, C, H, W); an empty tensor where there are none."""
        return torch.stack(self.images) if self.images else torch.empty(0)

    def set_extra_state(self, state: Tensor) -> None:
        """Hold the pictures that `get_extra_state` told of."""
        self.images = list(state)
