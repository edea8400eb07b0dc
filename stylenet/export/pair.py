"""A model for any style as two graphs: a style picture → its code, a photo and a code → picture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from stylenet.export.contract import to_bytes, to_floats
from stylenet.export.onnx import Graph, free_pictures
from stylenet.export.parity import SHAPES, Difference, drawn
from stylenet.export.precision import Export, hold
from stylenet.export.told import compared, with_facts, write_told
from stylenet.models.checkpoint import TrainedModel
from stylenet.nets.arbitrary import ArbitraryNet, styled
from stylenet.runtime.model import open_model
from stylenet.runtime.pair import STYLE_SUFFIX, Pair

STYLES = ((1, 97, 130), (1, 64, 64))
"""Shapes of the style pictures that the pair is proven with."""


class StyleGraph(nn.Module):
    """uint8 (N, H, W, 3) → codes."""

    def __init__(self, net: ArbitraryNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, image: Tensor) -> Tensor:
        """The code of each style picture."""
        return self.net.code(to_floats(image))


class PhotoGraph(nn.Module):
    """uint8 (N, H, W, 3), a code and alpha for each → uint8 (N, H, W, 3).

    The exported input of alpha has the name ``strength``, which other services know.
    """

    def __init__(self, net: ArbitraryNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, image: Tensor, code: Tensor, strength: Tensor | None = None) -> Tensor:
        """Stylise a batch of RGB pictures; the result has the same shape and type."""
        return to_bytes(self.net(to_floats(image), code, strength))


def write_pair(out: Path, model: TrainedModel, wanted: Export, target: str) -> None:
    """Write ``NAME.onnx`` and ``NAME.style.onnx``, once they are proven.

    Raises:
        UserError: something else than two ONNX files in float32 is wanted, the pair differs from
            the net, or it cannot be written.
    """
    refusal = (
        "a model for any style is exported in fp32 for whole pictures in bytes; leave out --io,"
        " --precision, --for, --target and --photos"
    )
    files = (out, out.with_suffix(STYLE_SUFFIX))
    write_told(
        out,
        model,
        wanted,
        target,
        refusal,
        lambda: dict(zip(files, proven_pair(model), strict=True)),
    )


def proven_pair(model: TrainedModel) -> tuple[bytes, bytes]:
    """The two files' bytes, the photo graph's first; what was compared is printed.

    Raises:
        UserError: they differ from the net by more than 1 of 255.
    """
    net = model.net
    assert isinstance(net, ArbitraryNet)
    photo, style = (with_facts(graph, model) for graph in (_photo_graph(net), _style_graph(net)))
    hold(list(_compared(photo, style, net)), "fp32")
    return photo, style


def _compared(photo: bytes, style: bytes, net: ArbitraryNet) -> Iterator[Difference]:
    pair = Pair(open_model(photo, device="cpu"), open_model(style, device="cpu"))
    styles, shares = [drawn(shape)[0] for shape in STYLES], [1.0, 2.0]
    halfway = {0.5: SHAPES[:1]} if net.has_alpha else {}
    for alpha, shapes in ({1.0: SHAPES} | halfway).items():
        session = pair.styled(styles, shares, alpha)
        yield from compared(session, styled(net, styles, shares, alpha), shapes)


def _style_graph(net: ArbitraryNet) -> Graph:
    image, free = free_pictures()
    return Graph(StyleGraph(net), (image,), {"image": free}, ["code"], {}, result_axes=())


def _photo_graph(net: ArbitraryNet) -> Graph:
    image, free = free_pictures()
    with torch.no_grad():
        code = net.code(to_floats(image))
    places = {2: torch.export.Dim("T")} if code.ndim == 3 else {}
    examples: tuple[Tensor, ...] = (image, code)
    inputs = {"image": free, "code": {0: free[0]} | places}
    if net.has_alpha:
        examples += (torch.ones(len(image)),)
        inputs["strength"] = {0: free[0]}
    return Graph(PhotoGraph(net), examples, inputs, ["stylized"], {})
