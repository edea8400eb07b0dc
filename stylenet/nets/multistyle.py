"""One net for several styles: conditional instance normalisation (Dumoulin et al. 2017)."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.func import functional_call

from stylenet.nets.arbitrary import constant
from stylenet.nets.blocks import InstanceNorm
from stylenet.nets.traits import Traits, traits
from stylenet.system.errors import UserError


class MultiStyleNet(nn.Module):
    """A net whose styles share all convolutions. Each style has its own scales and shifts of norms.

    Mixing scales and shifts mixes styles (Dumoulin et al. 2017, section 3.2). A fixed mixture is a
    plain net again, `mixture`, and works wherever a net of one style works.

    Args:
        net: a net with an InstanceNorm behind its convolutions.
        styles: names, or files, which are named by their stems.

    Raises:
        UserError: no style, two of one name, or a net for clips or without InstanceNorm.
    """

    def __init__(self, net: nn.Module, styles: Sequence[str]) -> None:
        super().__init__()
        if isinstance(styles, str) or not all(isinstance(style, str) for style in styles):
            raise UserError(
                f"net.styles={styles} is no list of names; use net.styles=[udnie,PICTURE]"
            )
        self.styles = [style_name(style) for style in styles]
        twice = [name for name in self.styles if self.styles.count(name) > 1]
        if not self.styles or twice:
            wrong = f"has {twice[0]} twice" if twice else "is empty"
            raise UserError(f"net.styles {wrong}; name different styles or pictures")
        norms = _norms(net)
        if not norms or traits(net).sees_clips or traits(net).styles:
            raise UserError("several styles take a net for photos, of one style, with InstanceNorm")
        for norm in norms.values():
            constant(norm)  # each style's own scales and shifts take its place
        self.net = net
        self.channels = [norm.num_features for norm in norms.values()]
        self.places = [f"{name}.{part}" for part in ("weight", "bias") for name in norms]
        channels = sum(self.channels)
        self.scale = nn.Parameter(torch.ones(len(self.styles), channels))
        self.shift = nn.Parameter(torch.zeros(len(self.styles), channels))

    @property
    def traits(self) -> Traits:
        """The net takes weights of its styles."""
        return Traits(styles=tuple(self.styles))

    def forward(self, image: Tensor, style_weights: Tensor | None = None) -> Tensor:
        """Stylise `image`.

        Args:
            image: (B, 3, H, W) in [0, 1].
            style_weights: (B, styles), each photo's mixture, which sums to 1; None mixes evenly.

        Returns:
            The same shape as `image`, unclamped.
        """
        if style_weights is None:
            style_weights = self.even().to(image).expand(len(image), -1)
        stylized: Tensor = functional_call(self.net, self._affine(style_weights), (image,))
        return stylized

    def even(self) -> Tensor:
        """Equal weights of all styles, (1, styles)."""
        count = len(self.styles)
        return torch.full((1, count), 1 / count)

    @torch.no_grad()
    def mixture(self, style_weights: Tensor) -> nn.Module:
        """The plain net of one mixture, (1, styles)."""
        net = copy.deepcopy(self.net)
        affine = self._affine(style_weights)
        for name, norm in _norms(net).items():
            for part in ("weight", "bias"):
                delattr(norm, part)
                setattr(norm, part, nn.Parameter(affine[f"{name}.{part}"][0].clone()))
        return net

    @torch.no_grad()
    def begin_as(self, plain: nn.Module) -> None:
        """Let every style begin as `plain`, a net of one style, otherwise like `net`."""
        norms = _norms(plain).values()
        self.scale.copy_(torch.cat([norm.weight for norm in norms]).expand_as(self.scale))
        self.shift.copy_(torch.cat([norm.bias for norm in norms]).expand_as(self.shift))
        self.net.load_state_dict(plain.state_dict(), strict=False)  # all but the norms'

    def _affine(self, style_weights: Tensor) -> dict[str, Tensor]:
        """Each norm's scale and shift, (B, C), by the name of its parameter."""
        parts = [
            part
            for every in (self.scale, self.shift)
            for part in torch.split(_mixed(style_weights, every), self.channels, dim=1)
        ]
        return dict(zip(self.places, parts, strict=True))


def _mixed(style_weights: Tensor, every: Tensor) -> Tensor:
    """Rows of `every`, (styles, C), mixed by weight: (B, C), in float32, unrounded by autocast."""
    return (style_weights.to(every)[:, :, None] * every).sum(1)


def style_name(style: str) -> str:
    """The name of a style of a net for several: the given name, or the file's stem."""
    return Path(style).stem


def _norms(net: nn.Module) -> dict[str, InstanceNorm]:
    return {n: module for n, module in net.named_modules() if isinstance(module, InstanceNorm)}
