"""What a net says of itself: how it is told its style, and how many frames it sees."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True)
class Traits:
    """The answers of a net; the defaults are those of image → image in one style.

    A net answers by an attribute `traits`. A net without this attribute has the defaults.

    Attributes:
        takes_style: the net takes the code of a style picture beside the photo, as `ArbitraryNet`.
        styles: names of the styles that the net has learnt, whose weights it takes beside the
            photo, as `MultiStyleNet`; empty for a net of one style.
        receptive_radius: frames that the net sees before the frame to stylise, and as many behind
            it.
        recurrent: the net takes its result for the previous frame.
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
    """The traits of any net, a user's own plain module included."""
    found = getattr(net, "traits", None)
    return found if isinstance(found, Traits) else Traits()
