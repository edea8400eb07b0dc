"""Self-attention over features: far parts of a picture look at each other."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, scaled_dot_product_attention

NARROWER = 8
"""Channels of the features over channels of queries and keys (Zhang et al. 2019, section 3)."""

GRID = 16
"""Places along each axis that may be looked at. So memory grows with the picture's area; if all
places might be looked at, it would grow with the area's square."""


class SelfAttention(nn.Module):
    """Every feature adds what it finds on a grid over the whole picture (Zhang et al. 2019, eq. 3).

    The factor gamma starts at 0. The block is then the identity, so a net that was trained without
    it can be trained on with it.

    Args:
        channels: the number of the features' channels.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        narrow = max(1, channels // NARROWER)
        self.query = nn.Conv2d(channels, narrow, 1)
        self.key = nn.Conv2d(channels, narrow, 1)
        self.value = nn.Conv2d(channels, channels, 1)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → the same shape."""
        grid = interpolate(x, size=(GRID, GRID), mode="bilinear")
        found = scaled_dot_product_attention(
            _places(self.query(x)), _places(self.key(grid)), _places(self.value(grid))
        )  # (B, 1, H·W, C)
        out: Tensor = x + self.gamma * found.transpose(2, 3).reshape(x.shape)
        return out


def _places(x: Tensor) -> Tensor:
    """(B, C, h, w) → (B, 1, h·w, C), for a single head."""
    return x.flatten(2).transpose(1, 2)[:, None]
