"""Traits of a net: how its style is set, how many frames it sees, in which directions it works."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True)
class Traits:
    """The traits of a net. The defaults describe a net image → image for one style.

    A net states its traits in an attribute `traits`. A net without this attribute has the defaults.

    Attributes:
        takes_style: whether the net takes the photo and the code of a style picture, as
            `ArbitraryNet` does.
        styles: names of the styles that the net has learnt. Such a net takes the photo and a weight
            for each style, as `MultiStyleNet` does. Empty for other nets.
        receptive_radius: number of frames that the net sees before the frame to stylise, and again
            after it.
        recurrent: whether the net takes its result for the previous frame.
        directions: the directions in which the net translates. If there are several, the net has a
            module of each name, as `TwoWay` has.
    """

    takes_style: bool = False
    styles: tuple[str, ...] = ()
    receptive_radius: int = 0
    recurrent: bool = False
    directions: tuple[str, ...] = ("forth",)

    @property
    def window(self) -> int:
        """The number of frames that the net sees at once."""
        return 2 * self.receptive_radius + 1

    @property
    def sees_clips(self) -> bool:
        """Whether the net sees more of a clip than the frame to stylise."""
        return self.recurrent or self.receptive_radius > 0

    @property
    def one_picture(self) -> bool:
        """Whether the net has learnt the style of a single picture."""
        return not self.takes_style and not self.styles and len(self.directions) == 1


def traits(net: nn.Module) -> Traits:
    """The traits of any net. It may be a plain module of the user."""
    found = getattr(net, "traits", None)
    return found if isinstance(found, Traits) else Traits()
