"""The image buffer of CycleGAN: it lets discriminators judge earlier results, too."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from stylenet.system.errors import UserError


class ImageBuffer(nn.Module):
    """Replaces half of new pictures by earlier ones (Shrivastava et al. 2017, section 2.3).

    The buffer is a module, so that checkpoints hold its pictures.

    Args:
        size: number of pictures to keep; 0 returns every picture as it comes.

    Raises:
        UserError: `size` is negative.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        if size < 0:
            raise UserError(f"task.pool={size} is negative; give 0 or more")
        self.size = size
        self.images: list[Tensor] = []

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) → same shape, detached: each picture, or an earlier one that it replaces."""
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
        """The kept pictures, (n, C, H, W), or an empty tensor if there are none."""
        return torch.stack(self.images) if self.images else torch.empty(0)

    def set_extra_state(self, state: Tensor) -> None:
        """Restore the pictures from `get_extra_state`."""
        self.images = list(state)
