"""Folders for TensorRT and Triton: complete, conforming, and honest about what is missing."""

import importlib.util
import os
import subprocess
from pathlib import Path

import pytest
import torch
from google.protobuf import text_format
from onnx import helper
from tritonclient.grpc import model_config_pb2

from stylenet.export.__main__ import main
from stylenet.export.contract import metadata
from stylenet.export.deploy import outputs, write_repository
from stylenet.export.precision import Export
from stylenet.export.tensorrt import Profile, build_script
from stylenet.export.triton import Served
from stylenet.models.checkpoint import save_model
from stylenet.nets.johnson import TransformerNet
from stylenet.runtime import Session

NET = {"_target_": "stylenet.nets.johnson.TransformerNet", "width": 0.1, "blocks": 0}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("run")
    net = TransformerNet(width=0.1, blocks=0)
    save_model(folder / "model.pt", net, {"net": NET, "style": {"name": "made_up"}})
    return folder


def untold(path: Path, file: str, content: bytes) -> None:
    """Writes no card."""


def parsed(text: str) -> model_config_pb2.ModelConfig:
    """A config, held against Triton's own schema: an unknown field is an error."""
    return text_format.Parse(text, model_config_pb2.ModelConfig())


def test_a_repository_is_complete(run: Path, tmp_path: Path):
    main([str(run), "-o", str(tmp_path), "--target", "triton"])
    folder = tmp_path / "stylenet_made_up"
    config = parsed((folder / "config.pbtxt").read_text())
    assert (config.name, config.backend) == (folder.name, "onnxruntime")
    model = Session(folder / "1" / "model.onnx").model.session
    for ends, described in (
        (model.get_inputs(), config.input),
        (model.get_outputs(), config.output),
    ):
        assert [end.name for end in ends] == [each.name for each in described]
        assert [list(each.dims) for each in described] == [[-1, -1, 3]]
        assert [each.data_type for each in described] == [model_config_pb2.TYPE_UINT8]


@pytest.mark.parametrize(
    ("style", "name"),
    [
        ("../../../x", "stylenet_x"),
        ('x"\nbackend: "python', "stylenet_x_backend_python"),
        ("/etc/my cat", "stylenet_etc_my_cat"),
        ("..", "stylenet_unnamed"),
        (["a", {"b": 1}], "stylenet_a_b_1"),
        ("ü" * 300, "stylenet_" + "ü" * 60),
    ],
)
def test_a_repository_stays_in_its_folder_whatever_the_style_is_called(
    style: object, name: str, tmp_path: Path
):
    """The graph is not made here: its metadata alone matters."""
    graph = helper.make_graph([], "net", [], [])
    proto = helper.make_model(graph)
    facts = metadata({"net": NET, "style": {"name": style}}, "bytes")
    helper.set_model_props(proto, facts)
    write_repository(tmp_path / "models", Export(), proto.SerializeToString, untold)
    assert [path.name for path in tmp_path.iterdir()] == ["models"]
    assert [path.name for path in (tmp_path / "models").iterdir()] == [name]
    config = parsed((tmp_path / "models" / name / "config.pbtxt").read_text())
    assert (config.name, config.backend) == (name, "onnxruntime")


@pytest.mark.slow
def test_every_export_has_its_card_and_no_file_of_the_users_is_lost(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "README.md").write_text("mine")
    main([str(run), "-o", str(tmp_path / "a.onnx")])
    main([str(run), "-o", str(tmp_path / "b.onnx"), "--io", "float"])
    assert "--model a.onnx" in (tmp_path / "a.md").read_text()
    assert "float32 (N, 3, H, W) in [0, 1]" in (tmp_path / "b.md").read_text()
    (tmp_path / "a.md").write_text("mine, too")
    capsys.readouterr()
    main([str(run), "-o", str(tmp_path / "a.onnx")])
    assert "a.md is not a card as stylenet writes it" in capsys.readouterr().err
    assert (tmp_path / "a.md").read_text() == "mine, too"
    main([str(run), "-o", str(tmp_path), "--target", "triton"])
    assert "1/model.onnx" in (tmp_path / "stylenet_made_up" / "README.md").read_text()
    main([str(run), "-o", str(tmp_path / "README.onnx")])
    assert (tmp_path / "README.md").read_text() == "mine"


@pytest.mark.parametrize("io", ["bytes", "float"])
@pytest.mark.parametrize("engine", [True, False])
def test_a_config_batches_warms_up_and_serves_eight_at_once(io: str, engine: bool):
    config = parsed(Served("style", io, engine).config())
    assert config.platform == ("tensorrt_plan" if engine else "")
    assert config.max_batch_size == 8
    assert config.HasField("dynamic_batching")
    [group] = config.instance_group
    assert group.count == 8
    [warm] = config.model_warmup
    shape = warm.inputs["image"]
    assert shape.data_type == config.input[0].data_type
    assert sorted(shape.dims) == [3, 512, 512]
    assert [3 if size == 3 else -1 for size in shape.dims] == list(config.input[0].dims)


@pytest.mark.skipif(importlib.util.find_spec("tensorrt") is not None, reason="has TensorRT")
def test_without_tensorrt_the_graph_and_the_script_are_there_and_the_mend_is_said(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    options = ["--target", "tensorrt", "--precision", "fp16"]
    with pytest.raises(SystemExit) as stop:
        main([str(run), "-o", str(tmp_path / "engine"), *options])
    captured = capsys.readouterr()
    assert stop.value.code == 2
    assert "TensorRT: the graph conforms" in captured.out
    assert captured.err.startswith("error: TensorRT is not installed; run pip install tensorrt")
    assert captured.err.count("\n") == 1
    written = sorted(file.name for file in (tmp_path / "engine").iterdir())
    assert written == ["README.md", "build.sh", "model.onnx"]


def test_the_build_script_gives_trtexec_the_profile(tmp_path: Path):
    """A stand-in for trtexec on the path tells what it was called with."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "build.sh").write_text(build_script(Profile(), "bytes"))
    tool = tmp_path / "trtexec"
    tool.write_text('#!/bin/sh\necho "$@"\n')
    tool.chmod(0o755)
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    command = ["bash", str(folder / "build.sh")]
    said = subprocess.run(command, env=path, check=True, capture_output=True, text=True).stdout
    assert "--minShapes=image:1x32x32x3 --optShapes=image:1x512x512x3" in said
    assert "--maxShapes=image:8x2160x3840x3" in said
    assert "--onnx=model.onnx --saveEngine=model.plan --timingCacheFile=timing.cache" in said
    assert "stronglyTyped" not in said  # this trtexec's help does not know it


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--target", "triton", "-o", "repository.onnx"], "this target writes a folder"),
        (["--target", "triton", "-o", "repository", "--io", "tiles"], "serves whole pictures"),
        (["--target", "tensorrt", "-o", "x", "--io", "tiles"], "--io tiles is for fp32 on a CPU"),
    ],
)
def test_what_cannot_be_is_one_line(
    run: Path, options: list[str], said: str, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit) as stop:
        main([str(run), *options])
    assert stop.value.code == 2
    assert said in capsys.readouterr().err


def test_a_name_of_no_file_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert outputs(Path(), "onnx") == [Path()]
    assert outputs(Path("x.onnx"), "onnx")[0] == Path("x.onnx")
