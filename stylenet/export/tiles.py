"""A net that works on one tile of a picture, exactly as on the whole.

InstanceNorm looks at the whole picture. Here it takes the whole picture's mean and variance as an
input, and returns those of the tile. A caller runs all tiles, merges their statistics, norm after
norm, and then stylises tile by tile. All other layers look no further than the halo.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from stylenet.nets.attention import SelfAttention
from stylenet.nets.blocks import InstanceNorm
from stylenet.system.errors import UserError


@dataclass
class Tile:
    """What the norms of a net share while it runs on a tile.

    interior: int64 (4,): top, left, bottom, right of the tile without its halo, in pixels of it.
    statistics: (2, all norms' channels): mean and variance over the whole picture.
    found: each norm's (3, C): count, mean and variance over the interior.
    """

    interior: Tensor
    statistics: Tensor
    found: list[Tensor] = field(default_factory=list)


class Tiled(nn.Module):
    """A net whose InstanceNorms are given their statistics.

    channels: each norm's, in the order of running. alignment: in pixels. Only a tile that starts at
    a multiple of it looks as it does in the whole picture.

    Raises:
        UserError: the net has attention, which looks further than any halo.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        if any(isinstance(module, SelfAttention) for module in net.modules()):
            raise UserError("a net with attention works on whole pictures; not in tiles")
        self.net = copy.deepcopy(net)
        norms, strides, self.alignment = _norms_as_they_run(self.net)
        self.channels = [norm.num_features for norm in norms]
        self._tile = [Tile(torch.empty(0), torch.empty(0))]  # shared with the norms
        start = 0
        for norm, stride in zip(norms, strides, strict=True):
            places = slice(start, start := start + norm.num_features)
            _replace(self.net, norm, TileNorm(norm, stride, places, self._tile))

    def forward(self, image: Tensor, interior: Tensor, statistics: Tensor) -> tuple[Tensor, ...]:
        """One tile (1, 3, h, w) → the stylised tile, the same shape; then every norm's (3, C)."""
        tile = self._tile[0] = Tile(interior, statistics)
        stylized: Tensor = self.net(image)
        return (stylized, *tile.found)

    def halo(self) -> int:
        """Pixels around a tile that influence it, rounded up to the alignment.

        The halo is the measured extent of the gradient of one aligned cell of pixels. The weights
        are made positive for this, so that every ReLU passes.
        """
        local = copy.deepcopy(self).double()
        for parameter in local.parameters():
            nn.init.constant_(parameter, 1 / parameter[0].numel())
        side, cell = 128, self.alignment
        while True:
            image = torch.ones(1, 3, side, side, dtype=torch.double, requires_grad=True)
            interior = torch.tensor([0, 0, side, side])
            statistics = torch.stack(
                [torch.zeros(sum(self.channels)), torch.ones(sum(self.channels))]
            )
            middle = side // 2
            seen = local(image, interior, statistics)[0][..., middle : middle + cell, :].sum()
            [gradient] = torch.autograd.grad(seen, image)
            rows = gradient.abs().sum((0, 1, 3)).nonzero().flatten()
            reach = max(middle - int(rows[0]), int(rows[-1]) - (middle + cell - 1))
            if reach < middle - cell:
                return -(-reach // cell) * cell
            side *= 2


class TileNorm(nn.Module):
    """An InstanceNorm with given statistics."""

    def __init__(self, norm: InstanceNorm, stride: int, places: slice, tile: list[Tile]) -> None:
        super().__init__()
        self.weight, self.bias, self.eps = norm.weight, norm.bias, norm.eps
        self.stride = stride
        self.places = places
        self._tile = tile

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (1, C, h, w), and add its own statistics to `Tile.found`."""
        [tile] = self._tile
        tile.found.append(self._statistics(x, tile.interior))
        mean, variance = tile.statistics[:, self.places]
        scale = self.weight / torch.sqrt(variance + self.eps)
        shift: Tensor = self.bias - mean * scale
        return x * scale[:, None, None] + shift[:, None, None]

    def _statistics(self, x: Tensor, interior: Tensor) -> Tensor:
        top, left, bottom, right = interior.unbind()
        rows = self._within(x.shape[2], top, bottom)[:, None]
        inside = (rows * self._within(x.shape[3], left, right)).to(x.dtype)  # (h, w)
        count = inside.sum()
        mean = (x * inside).sum((0, 2, 3)) / count
        deviation = (x - mean[:, None, None]).square() * inside
        return torch.stack([count.expand_as(mean), mean, deviation.sum((0, 2, 3)) / count])

    def _within(self, length: int, start: Tensor, end: Tensor) -> Tensor:
        """Which of `length` features lie in the interior: 0 or 1 each."""
        pixels = torch.arange(length) * self.stride
        return ((pixels >= start) & (pixels < end)).float()


def _norms_as_they_run(net: nn.Module) -> tuple[list[InstanceNorm], list[int], int]:
    """Every InstanceNorm, the pixels that one of its features covers along an axis, and the most
    pixels that a feature of any layer covers."""
    norms: list[InstanceNorm] = []
    strides: list[int] = []
    every: list[int] = []
    side = 64

    def note(module: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> None:
        every.append(side // output.shape[-1])
        if isinstance(module, InstanceNorm):
            norms.append(module)
            strides.append(every[-1])

    layers = [each for each in net.modules() if isinstance(each, InstanceNorm | nn.Conv2d)]
    hooks = [layer.register_forward_hook(note) for layer in layers]
    with torch.no_grad():
        net(torch.zeros(1, 3, side, side))
    for hook in hooks:
        hook.remove()
    return norms, strides, max(every)


def _replace(net: nn.Module, old: nn.Module, new: nn.Module) -> None:
    for module in net.modules():
        for name, child in module.named_children():
            if child is old:
                setattr(module, name, new)
                return
