"""Fitting trained weights to a net of another width, so that it need not start at random."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor

from stylenet.nets.johnson import TransformerNet

IMAGE = "image"
WAY_DOWN = ("full", "half", "quarter")
"""The features on the way down, named by their size."""


@dataclass(frozen=True)
class Layer:
    """A convolution, the norm after it, the features it reads (concatenated) and those it makes."""

    conv: str
    norm: str
    reads: tuple[str, ...]
    makes: str


def resized(weights: Mapping[str, Tensor], net: TransformerNet) -> dict[str, Tensor]:
    """Fit the weights of a net like `net`, but of another width, to the width of `net`.

    A wider net gives the same results as before (Net2Net, Chen, Goodfellow & Shlens 2016, section
    2.2). Channels are copied, and layers that read them divide their weights among the copies. They
    divide at random, because equal copies would stay equal in training. A narrower net keeps the
    most important channels: they have large norm scales and are read with large weights.
    """
    layers = _layers(net)
    before, after = _widths(weights, layers), _widths(net.state_dict(), layers)
    kept = {IMAGE: torch.arange(before[IMAGE])}
    for features, importance in _importance(weights, layers, before).items():
        order = importance.argsort(descending=True, stable=True)
        taken = order.repeat(-(-after[features] // len(order)))[: after[features]]
        kept[features] = taken.sort().values
    random = torch.Generator().manual_seed(0)
    found = dict(weights)
    for layer in layers:
        own, conv = kept[layer.makes], f"{layer.conv}.weight"
        columns = torch.cat([kept[made] + at for made, at in _places(layer, before)])
        found[conv] = _shared_out(weights[conv], columns, random)[own]
        for name, value in weights.items():
            if name.startswith(f"{layer.norm}.") and value.ndim:
                found[name] = value[own]
    return found


def _layers(net: TransformerNet) -> list[Layer]:
    """Every convolution of the net."""
    full, half, quarter = WAY_DOWN
    layers = [
        Layer("stem.0", "stem.1", (IMAGE,), full),
        Layer("down1.0", "down1.1", (full,), half),
        Layer("down2.0", "down2.1", (half,), quarter),
        Layer("up1.0", "up1.1", (quarter, half)[: 1 + net.skips], "up1"),
        Layer("up2.0", "up2.1", ("up1", full)[: 1 + net.skips], "up2"),
        Layer("head", "", ("up2",), IMAGE),
    ]
    for number in range(len(net.residuals)):
        body = f"residuals.{number}.body"
        layers += [
            Layer(f"{body}.0.0", f"{body}.0.1", (quarter,), body),
            Layer(f"{body}.1", f"{body}.2", (body,), quarter),
        ]
    return layers


def _widths(weights: Mapping[str, Tensor], layers: list[Layer]) -> dict[str, int]:
    return {layer.makes: len(weights[f"{layer.conv}.weight"]) for layer in layers}


def _places(layer: Layer, widths: Mapping[str, int]) -> list[tuple[str, int]]:
    """The features that a layer reads, each with its first input channel."""
    starts = accumulate((widths[made] for made in layer.reads), initial=0)
    return list(zip(layer.reads, starts, strict=False))


def _importance(
    weights: Mapping[str, Tensor], layers: list[Layer], widths: Mapping[str, int]
) -> dict[str, Tensor]:
    """The importance of each channel of all features but the image, to the layers that read it."""
    power = {made: torch.zeros(width) for made, width in widths.items() if made != IMAGE}
    reading = {made: torch.zeros(width) for made, width in widths.items()}
    for layer in layers:
        if layer.makes in power:
            power[layer.makes] += weights[f"{layer.norm}.weight"].square()
        size = weights[f"{layer.conv}.weight"].abs().sum((0, 2, 3))
        for made, at in _places(layer, widths):
            part = size[at : at + widths[made]]
            reading[made] += part / part.mean()
    return {made: value.sqrt() * reading[made] for made, value in power.items()}


def _shared_out(weight: Tensor, columns: Tensor, random: torch.Generator) -> Tensor:
    """Input channels `columns` of a convolution (C, D, k, k). Copies sum to the original."""
    shares = 1 - torch.rand(len(weight), len(columns), generator=random)  # in (0, 1]
    whole = torch.zeros(weight.shape[:2]).index_add_(1, columns, shares)
    return weight[:, columns] * (shares / whole[:, columns])[..., None, None]
