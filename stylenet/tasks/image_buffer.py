"""The image buffer of CycleGAN: it lets discriminators judge earlier results, too."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from stylenet.system.errors import UserError


@dataclass(frozen=True)
class Exchange:
    """Which of new pictures are replaced by earlier ones. It is drawn before they are made.

    earlier: (B, C, H, W), kept pictures. sources: (B,), what to hand on: number k below B is the
    earlier picture k, and B + k is the new picture k. places: for each new picture, the place in
    its buffer that keeps it afterwards, or None.
    """

    earlier: Tensor
    sources: Tensor
    places: list[int | None]


def handed_on(new: Tensor, earlier: Tensor, sources: Tensor) -> Tensor:
    """The pictures that an exchange hands on, detached: (B, C, H, W).

    Args:
        new: (B, C, H, W). earlier, sources: of an `Exchange`.
    """
    return torch.cat([earlier.to(new.dtype), new.detach()]).index_select(0, sources)


class ImageBuffer(nn.Module):
    """Replaces half of new pictures by earlier ones (Shrivastava et al. 2017, section 2.3).

    The pictures of a step share the buffer: each has an equal part of it, of at least one picture.
    So pictures of one process never meet those of another, and several processes exchange what a
    single one would. Draws depend on the seed and the number of the picture alone.

    The buffer is a module, so that checkpoints hold its pictures.

    Args:
        size: number of pictures to keep; 0 returns every picture as it comes.
        seed: of the draws.

    Raises:
        UserError: `size` is negative.
    """

    def __init__(self, size: int, seed: int) -> None:
        super().__init__()
        if size < 0:
            raise UserError(f"task.pool={size} is negative; give 0 or more")
        self.size = size
        self.seed = seed
        self.parts: list[list[Tensor]] = []
        self.loaded: Tensor | None = None

    def draw(self, like: Tensor, first: int, in_step: int) -> Exchange:
        """Draw an exchange for new pictures that look `like` a batch, (B, C, H, W).

        Args:
            first: number of the first of these pictures in the whole training.
            in_step: number of the pictures of a step, those of all processes together.
        """
        count, part = len(like), -(-self.size // in_step)
        self._divide(count, first % in_step, in_step)
        earlier = torch.zeros_like(like)
        sources, places = list(range(count, 2 * count)), list[int | None]()
        for number, kept in enumerate(self.parts):
            draw = np.random.default_rng([self.seed, first + number])
            place = len(kept) if len(kept) < part else None
            if place is None and part and draw.random() >= 0.5:
                place = int(draw.integers(part))
                earlier[number] = kept[place]
                sources[number] = number
            places.append(place)
        return Exchange(earlier, torch.tensor(sources, device=like.device), places)

    def keep(self, new: Tensor, exchange: Exchange) -> None:
        """Keep those of the new pictures, (B, C, H, W), that the exchange gives a place."""
        for kept, image, place in zip(self.parts, new.detach(), exchange.places, strict=True):
            if place is not None:
                kept[place : place + 1] = [image]

    def _divide(self, count: int, first: int, in_step: int) -> None:
        """Begin with empty parts, or with those of the checkpoint that are for these pictures."""
        if self.loaded is not None:
            parts = self.loaded.view(in_step, -1, *self.loaded.shape[1:])
            self.parts = [list(part) for part in parts[first : first + count]]
            self.loaded = None
        if not self.parts:
            self.parts = [[] for _ in range(count)]

    def get_extra_state(self) -> Tensor:
        """The kept pictures, (n, C, H, W), part by part, or an empty tensor if there are none."""
        kept = [image for part in self.parts for image in part]
        return torch.stack(kept) if kept else torch.empty(0)

    def set_extra_state(self, state: Tensor) -> None:
        """Restore the pictures of all processes from `get_extra_state`."""
        self.parts = []
        self.loaded = state if len(state) else None
