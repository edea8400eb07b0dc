"""Nets for clips as ONNX: parity, the runtime on clips, and what is refused."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from stylenet.export.__main__ import main
from stylenet.models.checkpoint import load_model, save_model
from stylenet.nets.apply import clip_net
from stylenet.nets.johnson import TransformerNet
from stylenet.nets.video import RecurrentNet, WindowNet
from stylenet.runtime.model import open_model
from stylenet.runtime.session import Session
from stylenet.runtime.stylizer import clip_at_work

KINDS: dict[str, type[TransformerNet]] = {"recurrent": RecurrentNet, "window": WindowNet}
INPUTS = {
    "recurrent": {"image": ["N", "H", "W", 3], "previous": ["N", "H", "W", 3]},
    "window": {"frames": ["N", 5, "H", "W", 3]},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of each kind, and its export, which the command has proven."""
    folder = tmp_path_factory.mktemp("clips")
    torch.manual_seed(0)
    for name, kind in KINDS.items():
        recipe = {"_target_": f"stylenet.nets.video.{kind.__name__}", "width": 0.1, "blocks": 1}
        config = {"net": recipe, "style": {"name": "drawn"}}
        save_model(folder / f"{name}.pt", kind(width=0.1, blocks=1), config)
        main([str(folder / f"{name}.pt"), "-o", str(folder / f"{name}.onnx")])
    return folder


@pytest.fixture
def clip() -> list[np.ndarray]:
    return list(np.random.default_rng(0).integers(0, 256, (6, 41, 52, 3), dtype=np.uint8))


@pytest.mark.parametrize("kind", KINDS)
def test_the_file_says_what_it_takes(folder, kind):
    model = onnx.load(folder / f"{kind}.onnx")
    found = {}
    for value in model.graph.input:
        sizes = value.type.tensor_type.shape.dim
        found[value.name] = [size.dim_param or size.dim_value for size in sizes]
    assert found == INPUTS[kind]
    [result] = model.graph.output
    shape = [size.dim_param or size.dim_value for size in result.type.tensor_type.shape.dim]
    assert shape == ["N", "H", "W", 3]
    facts = {entry.key: entry.value for entry in model.metadata_props}
    assert facts["stylenet.io"] == kind
    assert json.loads(facts["stylenet.net"])["width"] == 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_a_clip_comes_out_as_from_the_net(folder, kind, clip):
    net = clip_net(load_model(folder / f"{kind}.pt").net)
    exported = clip_at_work(open_model(folder / f"{kind}.onnx"))
    for ours, theirs in zip(exported(clip), net(clip), strict=True):
        assert np.abs(ours.astype(int) - theirs).max() <= 2  # a recurrent net's own are its input
    assert (exported.receptive_radius, exported.recurrent) == (net.receptive_radius, net.recurrent)


@pytest.mark.parametrize("kind", KINDS)
def test_a_photo_is_a_clip_that_stands_still(folder, kind, clip):
    session = Session(folder / f"{kind}.onnx")
    [first] = clip_at_work(session.model)(clip[:1])
    assert np.array_equal(session(clip[0]), first)
    together = session.batch(np.stack(clip[:2]))[0]
    assert np.abs(together.astype(int) - first).max() <= 1  # sums in another order


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--io", "tiles"], "--io tiles is for per-frame nets"),
        (["--io", "float"], "--io float is for per-frame nets"),
        (["--precision", "fp16"], "is exported as plain fp32"),
        (["--for", "tensorrt"], "is exported as plain fp32"),
        pytest.param(["--target", "triton"], "Triton gets per-frame nets", marks=pytest.mark.slow),
    ],
)
def test_other_forms_are_refused_in_one_line(folder, tmp_path, capsys, options, error):
    out = tmp_path / ("repository" if "triton" in options else "net.onnx")
    with pytest.raises(SystemExit) as stop:
        main([str(folder / "recurrent.pt"), "-o", str(out), *options])
    assert stop.value.code == 2
    [line] = capsys.readouterr().err.strip().splitlines()
    assert error in line
    assert not out.exists()
