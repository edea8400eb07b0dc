"""The image buffer of CycleGAN: it lets discriminators judge earlier results, too."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from stylenet.system.errors import UserError


@dataclass(frozen=True)
class Exchange:
    """Which of new pictures are replaced by earlier ones. It is drawn before they are made.

    earlier: (B, C, H, W), kept pictures. sources: (B,), what to hand on: number k below B is the
    earlier picture k, and B + k is the new picture k. places: what each place of the buffer holds
    afterwards: a new picture, by its number, or what it held before, by None.
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

    def draw(self, like: Tensor) -> Exchange:
        """Draw an exchange for new pictures that look `like` a batch, (B, C, H, W).

        A new picture may be handed on again within its own batch.
        """
        count = len(like)
        earlier = torch.zeros_like(like)
        held: list[int | None] = [None] * len(self.images)
        sources = []
        for number in range(count):
            source = count + number
            if len(held) < self.size:
                held.append(number)
            elif self.size and torch.rand(()) >= 0.5:
                place = int(torch.randint(self.size, ()))
                before = held[place]
                if before is None:
                    earlier[number] = self.images[place]
                source = number if before is None else count + before
                held[place] = number
            sources.append(source)
        return Exchange(earlier, torch.tensor(sources, device=like.device), held)

    def keep(self, new: Tensor, exchange: Exchange) -> None:
        """Keep those of the new pictures, (B, C, H, W), that the exchange gives a place."""
        self.images += [new[0]] * (len(exchange.places) - len(self.images))
        for place, number in enumerate(exchange.places):
            if number is not None:
                self.images[place] = new[number].detach()

    def get_extra_state(self) -> Tensor:
        """The kept pictures, (n, C, H, W), or an empty tensor if there are none."""
        return torch.stack(self.images) if self.images else torch.empty(0)

    def set_extra_state(self, state: Tensor) -> None:
        """Restore the pictures from `get_extra_state`."""
        self.images = list(state)
