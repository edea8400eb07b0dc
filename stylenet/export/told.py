"""Shared parts of exports whose style is set at run time: one of several, or any picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from torch import nn

from stylenet.cards.card_file import SUFFIX
from stylenet.export.cards import teller
from stylenet.export.contract import add_metadata, metadata, weights_sha256
from stylenet.export.deploy import check_file, write
from stylenet.export.onnx import Graph, written
from stylenet.export.parity import Difference, difference, drawn
from stylenet.export.precision import Export
from stylenet.models.checkpoint import TrainedModel
from stylenet.nets.apply import apply_net
from stylenet.runtime.session import Session
from stylenet.system.errors import UserError


def write_told(
    out: Path,
    model: TrainedModel,
    wanted: Export,
    target: str,
    refusal: str,
    make: Callable[[], Mapping[Path, bytes]],
) -> None:
    """Prove ONNX files in float32 for whole pictures, and write them.

    Args:
        out: the file that stylises. Its card is written beside it.
        model: the model that the files are of.
        wanted: the export that the user asks for.
        target: the target that the user asks for.
        refusal: the message if `wanted` or `target` asks for another kind of export.
        make: exports and proves the files. It is called after all other checks.

    Raises:
        UserError: another kind of export is wanted, `out` is no ``.onnx`` file, or a file cannot be
            written.
    """
    if target != "onnx" or wanted != Export():
        raise UserError(refusal)
    check_file(out)
    files = make()
    for path, content in files.items():
        write(path, content)
    teller(model)(out.with_suffix(SUFFIX), out.name, files[out])


def with_facts(graph: Graph, model: TrainedModel, **facts: str) -> bytes:
    """The bytes of an ONNX file: a graph of the model, its metadata and further `facts`."""
    known = {"precision": "fp32", "weights_sha256": weights_sha256(model.net)}
    return add_metadata(written(graph, metadata(model.config, "bytes")), known | facts)


def compared(
    session: Session, net: nn.Module, shapes: Sequence[tuple[int, int, int]]
) -> Iterator[Difference]:
    """Compare an export and the net in the same style on batches of `shapes`, (N, H, W)."""
    for rgb in map(drawn, shapes):
        expected = np.stack([apply_net(net, each) for each in rgb])
        yield difference(session.batch(rgb), expected)
