"""Exported models with random weights, and sessions that wait until a test lets them go."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from gate import Gate
from torch import nn

from stylenet.export.onnx import to_onnx
from stylenet.export.several import _graph
from stylenet.export.told import with_facts
from stylenet.models.checkpoint import TrainedModel
from stylenet.nets.johnson import TransformerNet
from stylenet.nets.multistyle import MultiStyleNet
from stylenet.runtime.session import Session

collect_ignore_glob = [] if find_spec("fastapi") else ["test_*"]
"""Without the extra `serve`, there is nothing to test."""

NET = {"_target_": "stylenet.nets.johnson.TransformerNet", "width": 0.1, "blocks": 1}


@pytest.fixture(scope="session")
def wave(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of one style."""
    torch.manual_seed(0)
    model = TrainedModel(
        TransformerNet(width=0.1, blocks=1).eval(), {"net": NET, "style_picture": {"name": "waves"}}
    )
    path = tmp_path_factory.mktemp("wave") / "wave.onnx"
    path.write_bytes(to_onnx(model, "bytes"))
    return path


@pytest.fixture(scope="session")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the styles udnie and mine."""
    torch.manual_seed(0)
    recipe = {"_target_": "stylenet.nets.multistyle.MultiStyleNet", "net": NET}
    net = MultiStyleNet(TransformerNet(width=0.1, blocks=1), ["udnie", "mine"])
    for learns in (net.scale, net.shift):
        nn.init.normal_(learns, mean=0.5, std=0.5)
    model = TrainedModel(net.eval(), {"net": recipe | {"styles": ["udnie", "mine"]}})
    path = tmp_path_factory.mktemp("two") / "two.onnx"
    path.write_bytes(with_facts(_graph(net), model, styles='["udnie", "mine"]'))
    return path


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    """A gate before all sessions. Models have to be opened when it is open."""
    gate, run = Gate(), Session.batch

    def batch(session: Session, rgb: np.ndarray) -> np.ndarray:
        gate(rgb)
        return run(session, rgb)

    monkeypatch.setattr(Session, "batch", batch)
    return gate
