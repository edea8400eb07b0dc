"""Two nets in one: A2B, from one kind of picture to another, and B2A, back."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from stylenet.nets.traits import Traits


class TwoWay(nn.Module):
    """A net for each direction; called as a net, it is the net A2B.

    Args:
        forth: A2B, image → image, (B, 3, H, W) in [0, 1].
        back: B2A, image → image, of the same shapes.
    """

    traits: ClassVar[Traits] = Traits(directions=("forth", "back"))

    def __init__(self, forth: nn.Module, back: nn.Module) -> None:
        super().__init__()
        self.forth = forth
        self.back = back

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in [0, 1] → the same shape."""
        out: Tensor = self.forth(image)
        return out
