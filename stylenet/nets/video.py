"""Nets for clips: one that sees what it painted before, one that sees the frames around."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from stylenet.nets.johnson import CENTRE, CONTRAST, TransformerNet
from stylenet.nets.traits import Traits, traits

FRAME_NET = "stylenet.nets.johnson.TransformerNet"
"""What a net for clips becomes where it looks at one frame alone; the other settings are alike."""

STEPS = 3
"""Along time, of a three-dimensional convolution, as the least that has a before and an after."""


class RecurrentNet(TransformerNet):
    """The transformer net with the stylised frame before as a second input.

    It is told no motion: the frame before lies where it was painted (as in Gupta et al. 2017,
    "Characterizing and improving stability in neural style transfer", section 4).
    """

    traits: ClassVar[Traits] = Traits(recurrent=True)
    joined: ClassVar[tuple[int, int]] = (2, 1)
    steady: ClassVar[bool] = True

    def forward(self, image: Tensor, previous: Tensor | None = None) -> Tensor:
        """Stylise a frame.

        Args:
            image: (B, 3, H, W) in [0, 1], any H, W ≥ 32.
            previous: the result for the frame before, of the same shape; a first frame, or a
                photo, stands in for it itself.

        Returns:
            The same shape, unclamped.
        """
        before = image if previous is None else previous.to(image.dtype)
        return super().forward(torch.cat([image, before], 1))


class WindowNet(TransformerNet):
    """The transformer net with two three-dimensional convolutions, over five frames, at its start.

    The first makes features of each three neighbouring frames, the second joins these three to
    one; from there on it is the plain net. A 3D convolution without padding along time is a plain
    one over neighbours joined along their channels, and is computed as that.
    """

    traits: ClassVar[Traits] = Traits(receptive_radius=2)
    joined: ClassVar[tuple[int, int]] = (STEPS, STEPS)
    steady: ClassVar[bool] = True

    def forward(self, frames: Tensor) -> Tensor:
        """Stylise the middle one of five frames.

        Args:
            frames: (B, 5, 3, H, W) in [0, 1], any H, W ≥ 32; or a photo, (B, 3, H, W), which
                stands still.

        Returns:
            (B, 3, H, W), unclamped.
        """
        if frames.dim() == 4:
            frames = frames[:, None].expand(-1, self.traits.window, -1, -1, -1)
        batch = frames.shape[0]
        each = self.stem(_neighbours((frames - CENTRE) / CONTRAST))  # (3 B, 32, H, W)
        full = each.unflatten(0, (batch, STEPS))
        joined = self.shrinkable(_neighbours(full))
        return self.painted(full[:, STEPS // 2], self.down1(joined))


def _neighbours(frames: Tensor) -> Tensor:
    """(B, T, C, H, W) → each three neighbours joined, (B·(T - 2), 3·C, H, W)."""
    count = frames.shape[1] - STEPS + 1
    windows = [frames[:, start : start + STEPS].flatten(1, 2) for start in range(count)]
    return torch.stack(windows, 1).flatten(0, 1)


def on_clip(net: nn.Module, frames: Tensor, previous: Tensor | None) -> Tensor:
    """Stylise the middle frame with any net, which gets what its traits ask for.

    Args:
        frames: (B, 2·receptive_radius + 1, 3, H, W) in [0, 1].
        previous: the result for the frame before, (B, 3, H, W); None for the first.

    Returns:
        (B, 3, H, W), unclamped.
    """
    seen = traits(net)
    image = frames if seen.receptive_radius else frames[:, 0]
    stylized: Tensor = net(image, previous) if seen.recurrent else net(image)
    return stylized


def frame_recipe(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The config of the per-frame net that a net for clips can start from."""
    return {**recipe, "_target_": FRAME_NET}


def grown(weights: Mapping[str, Tensor], net: TransformerNet) -> dict[str, Tensor]:
    """A per-frame net's weights for `net`, which then paints each frame as that net did.

    The frame itself is the first of two that a `RecurrentNet` sees, and the middle one of three;
    what is new starts at zero.
    """
    grown = dict(weights)
    for name, count in zip(("stem.0.weight", "down1.0.weight"), net.joined, strict=True):
        place = count // 2 if count == STEPS else 0
        parts = [torch.zeros_like(weights[name])] * count
        parts[place] = weights[name]
        grown[name] = torch.cat(parts, 1)
    return grown
