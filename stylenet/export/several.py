"""A model of several styles as one graph, which takes weights of its styles beside each photo."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from torch import Tensor, nn

from stylenet.export.contract import to_bytes, to_floats
from stylenet.export.onnx import Graph, free_pictures
from stylenet.export.parity import SHAPES, Difference
from stylenet.export.precision import Export, hold
from stylenet.export.rewrites import rewritten
from stylenet.export.told import compared, with_facts, write_told
from stylenet.models.checkpoint import TrainedModel, in_mixture
from stylenet.nets.multistyle import MultiStyleNet
from stylenet.runtime.mixture import MixtureSession
from stylenet.runtime.model import open_model
from stylenet.system.untrusted import label


class Several(nn.Module):
    """uint8 photos (N, H, W, 3) and weights of all styles (N, styles) → pictures like the photos.

    Args:
        net: a `MultiStyleNet`, rewritten or not.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, image: Tensor, style_weights: Tensor) -> Tensor:
        """Stylise a batch of RGB pictures; the result has the same shape and type."""
        return to_bytes(self.net(to_floats(image), style_weights))


def write_several(out: Path, model: TrainedModel, wanted: Export, target: str) -> None:
    """Write one ``.onnx`` file, once it is proven.

    Raises:
        UserError: something else than an ONNX file in float32 is wanted, the graph differs from
            the net, or it cannot be written.
    """
    refusal = (
        "several styles are exported in fp32 for whole pictures in bytes; choose one with "
        "--style NAME, or leave out --io, --precision, --for, --target and --photos"
    )
    write_told(out, model, wanted, target, refusal, lambda: {out: proven_several(model)})


def proven_several(model: TrainedModel) -> bytes:
    """The file's bytes; what was compared is printed.

    Raises:
        UserError: it differs from the net by more than 1 of 255.
    """
    net = model.net
    assert isinstance(net, MultiStyleNet)
    content = with_facts(_graph(net), model, styles=json.dumps(net.styles))
    hold(list(_compared(content, model)), "fp32")
    return content


def _compared(content: bytes, model: TrainedModel) -> Iterator[Difference]:
    """Every style alone at the smallest shape, and one mixture at all shapes."""
    exported = open_model(content, device="cpu")
    alone = [(label(style), [(style, 1.0)], SHAPES[:1]) for style in exported.styles]
    mixture = [(style, 1.0 + number) for number, style in enumerate(exported.styles)]
    for name, mixed, shapes in [*alone, ("a mixture", mixture, SHAPES)]:
        session = MixtureSession(exported, mixed)
        net = in_mixture(model, session.weights).net
        for found in compared(session, net, shapes):
            yield replace(found, name=name)


def _graph(net: MultiStyleNet) -> Graph:
    image, free = free_pictures()
    weights = net.even().repeat(len(image), 1)
    inputs = {"image": free, "style_weights": {0: free[0]}}
    return Graph(Several(rewritten(net)), (image, weights), inputs, ["stylized"], {})
