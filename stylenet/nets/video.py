"""Nets for clips: one sees its previous result, one sees neighbouring frames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from stylenet.nets.johnson import CENTRE, CONTRAST, TransformerNet
from stylenet.nets.traits import Traits, traits

FRAME_NET = "stylenet.nets.johnson.TransformerNet"
"""The per-frame net that is like a net for clips; the other settings are the same."""

STEPS = 3
"""Frames that a three-dimensional convolution covers: the least that have a before and an after."""


class RecurrentNet(TransformerNet):
    """The transformer net with the previous stylised frame as a second input.

    It knows no motion: the previous frame is not warped (as in Gupta et al. 2017, "Characterizing
    and improving stability in neural style transfer", section 4).
    """

    traits: ClassVar[Traits] = Traits(recurrent=True)
    joined: ClassVar[tuple[int, int]] = (2, 1)
    steady: ClassVar[bool] = True

    def forward(self, image: Tensor, previous: Tensor | None = None) -> Tensor:
        """Stylise a frame.

        Args:
            image: (B, 3, H, W) in [0, 1], any H, W ≥ 32.
            previous: the result for the previous frame, of the same shape; None, for a first frame
                or a photo, takes `image` in its place.

        Returns:
            The same shape, unclamped.
        """
        before = image if previous is None else previous.to(image.dtype)
        return super().forward(torch.cat([image, before], 1))


class WindowNet(TransformerNet):
    """The transformer net with two three-dimensional convolutions, over five frames, at its start.

    The first convolution makes features of each three neighbouring frames. The second joins the
    three results to one. The rest is the plain net. A 3D convolution without padding along time
    equals a 2D convolution over neighbours concatenated along their channels, and is so computed.
    """

    traits: ClassVar[Traits] = Traits(receptive_radius=2)
    joined: ClassVar[tuple[int, int]] = (STEPS, STEPS)
    steady: ClassVar[bool] = True

    def forward(self, frames: Tensor) -> Tensor:
        """Stylise the middle one of five frames.

        Args:
            frames: (B, 5, 3, H, W) in [0, 1], any H, W ≥ 32; or a photo, (B, 3, H, W), which is
                repeated as five frames.

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
        previous: the result for the previous frame, (B, 3, H, W); None for the first frame.

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
    """The weights of a per-frame net, grown for `net`, which then paints each frame the same.

    The frame itself is the first of two in a `RecurrentNet` and the middle one of three in a
    `WindowNet`. The weights of other frames start at zero.
    """
    grown = dict(weights)
    for name, count in zip(("stem.0.weight", "down1.0.weight"), net.joined, strict=True):
        place = count // 2 if count == STEPS else 0
        parts = [torch.zeros_like(weights[name])] * count
        parts[place] = weights[name]
        grown[name] = torch.cat(parts, 1)
    return grown
