"""Tile by tile gives what the whole picture gives."""

import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from PIL import Image

from stylenet.export.__main__ import main as export
from stylenet.export.onnx import to_onnx
from stylenet.export.tiles import Tiled
from stylenet.models.checkpoint import TrainedModel, load_model, save_model
from stylenet.nets.apply import apply_net
from stylenet.nets.johnson import TransformerNet
from stylenet.nets.slim import SlimNet
from stylenet.pictures.images import read_picture
from stylenet.runtime import Session, TiledSession
from stylenet.runtime.model import _cut
from stylenet.runtime.tiles import merged
from stylenet.stylize import main
from stylenet.system.errors import UserError

NET = {"_target_": "stylenet.nets.johnson.TransformerNet", "width": 0.1, "blocks": 1}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("run")
    save_model(folder / "model.pt", TransformerNet(width=0.1, blocks=1), {"net": NET})
    return folder


@pytest.fixture(scope="module")
def tiled(model: Path) -> bytes:
    return to_onnx(load_model(model), "tiles")


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """Dark and light, smooth and rough parts, of odd size: no tile looks like the whole."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:135, :171]
    smooth = (rows + columns)[..., None] / 3 + np.array([0, 40, 90])
    return (
        (smooth + rng.normal(0, 1, (135, 171, 3)) * (columns > 90)[..., None] * 30)
        .clip(0, 255)
        .astype(np.uint8)
    )


@pytest.mark.parametrize("side", [16, 50, 64, 1000])
def test_tiles_of_any_side_give_the_whole_picture(
    model: Path, tiled: bytes, picture: np.ndarray, side: int
):
    whole = apply_net(load_model(model).net, picture)
    assert whole.std() > 5
    assert np.abs(TiledSession(tiled, side)(picture).astype(int) - whole).max() <= 1


def test_tiles_of_a_net_without_instance_norms_lie_on_its_grid(tmp_path: Path, picture: np.ndarray):
    torch.manual_seed(0)
    net = TransformerNet(width=0.1, blocks=1, norm="batch").eval()
    assert Tiled(net).alignment == 4
    save_model(tmp_path / "model.pt", net, {"net": {**NET, "norm": "batch"}})
    tiles = to_onnx(load_model(tmp_path), "tiles")
    assert np.abs(TiledSession(tiles, 50)(picture).astype(int) - apply_net(net, picture)).max() <= 1


def test_tiles_of_a_slim_net_give_the_whole_picture(tmp_path: Path, picture: np.ndarray):
    net = SlimNet(channels=8, blocks=1).eval()
    recipe = {"_target_": "stylenet.nets.slim.SlimNet", "channels": 8, "blocks": 1}
    save_model(tmp_path / "model.pt", net, {"net": recipe})
    tiles = to_onnx(load_model(tmp_path), "tiles")
    whole = apply_net(net, picture)
    assert whole.std() > 5
    assert np.abs(TiledSession(tiles, 50)(picture).astype(int) - whole).max() <= 1


def test_a_halo_too_small_would_show(model: Path, tiled: bytes, picture: np.ndarray):
    session = TiledSession(tiled, 32)
    session.halo //= 2
    whole = apply_net(load_model(model).net, picture)
    assert np.abs(session(picture).astype(int) - whole).max() > 1


def test_statistics_of_a_tile_alone_would_show(model: Path, tiled: bytes, picture: np.ndarray):
    whole, session = apply_net(load_model(model).net, picture), TiledSession(tiled, 64)
    alone = np.concatenate([session(picture[:, :88]), session(picture[:, 88:])], 1)
    assert np.abs(alone.astype(int) - whole).max() > 10


@pytest.mark.parametrize(("blocks", "upsampling"), [(0, "smooth"), (2, "smooth"), (2, "nearest")])
def test_the_halo_is_the_nets_reach(blocks: int, upsampling: str):
    """By hand: 4 + 1 + 2 on the way down, 8 a block, and the way up at a quarter and a half."""
    found = Tiled(TransformerNet(width=0.1, blocks=blocks, upsampling=upsampling)).halo()
    down, up = 4 + 1 + 2, {"smooth": 4 + 4 + 2 + 2 + 1 + 4, "nearest": 2 + 1 + 4}[upsampling]
    reach = down + 8 * blocks + up
    assert found % 4 == 0
    assert reach - 4 <= found <= reach + 4


def test_merged_statistics_are_those_of_all_values():
    rng = np.random.default_rng(0)
    values = [rng.normal(1000 + 50 * i, 1 + i, (n, 4)) for i, n in enumerate((3, 40, 11))]
    found = [np.stack([np.full(4, len(v)), v.mean(0), v.var(0)]) for v in values]
    every = np.concatenate(values)
    np.testing.assert_allclose(merged(np.stack(found)), [every.mean(0), every.var(0)], rtol=1e-12)


def test_progress_is_told(tiled: bytes):
    told: list[tuple[int, int]] = []
    session = TiledSession(tiled, 32, lambda *so_far: told.append(so_far))
    session(np.zeros((40, 70, 3), np.uint8))
    norms = 3 + 2 + 2  # down, one block, up
    assert told == [(i, 6 * (norms + 1)) for i in range(1, 6 * (norms + 1) + 1)]


@pytest.fixture(scope="module")
def large() -> np.ndarray:
    """Light above, rough below, and a disk: far more than a sample's pixels."""
    rng = np.random.default_rng(1)
    rows, columns = np.mgrid[:1501, :2003]
    smooth = (rows / 8 + 60 * ((rows - 700) ** 2 + (columns - 1200) ** 2 < 300**2))[..., None]
    rough = rng.normal(0, 25, (1501, 2003, 3)) * (rows > 800)[..., None]
    return (smooth + np.array([0, 20, 5]) + rough).clip(0, 255).astype(np.uint8)


def test_the_fast_way_is_near_the_exact_one_and_shows_no_tiles(tiled: bytes, large: np.ndarray):
    runs: list[int] = []
    exact = TiledSession(tiled, 512)(large).astype(int)
    fast, otherwise = (
        TiledSession(tiled, side, lambda _, total: runs.append(total), fast=True)(large)
        for side in (512, 400)
    )
    norms = 3 + 2 + 2
    assert runs[0] == norms * 64 + 12  # 8x8 samples for each norm, 3x4 tiles
    assert np.abs(fast.astype(int) - otherwise).max() <= 1
    error = np.square(fast - exact).mean()
    assert 0 < error < 255**2 / 10**3.2  # 32 dB


def test_the_fast_way_is_exact_where_a_sample_would_be_more_work(tiled: bytes, picture: np.ndarray):
    exact, fast = (TiledSession(tiled, 64, fast=fast)(picture) for fast in (False, True))
    np.testing.assert_array_equal(exact, fast)


def test_fast_is_about_tiles(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    photo, whole = tmp_path / "photo.png", tmp_path / "whole.onnx"
    Image.fromarray(np.full((40, 40, 3), 99, np.uint8)).save(photo)
    whole.write_bytes(to_onnx(load_model(model), "bytes"))
    for path, mend in ((model, "--tile 768"), (whole, "leave out --fast")):
        given = [str(photo), "--model", str(path), "-o", str(tmp_path / "out.png"), "--fast"]
        with pytest.raises(SystemExit) as failure:
            main(given)
        assert failure.value.code == 2
        assert mend in capsys.readouterr().err
    assert main([*given[:2], str(model), *given[3:], "--tile", "32"]) == 0


def test_the_export_proves_itself_and_names_its_parts(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    file = tmp_path / "tiles.onnx"
    export([str(model), "-o", str(file), "--io", "tiles"])
    assert "768x1023: at most" in capsys.readouterr().out
    session = onnxruntime.InferenceSession(str(file))
    assert [value.name for value in session.get_inputs()] == ["image", "interior", "statistics"]
    assert session.get_modelmeta().custom_metadata_map["stylenet.io"] == "tiles"


@pytest.mark.parametrize("kind", ["model.pt", "tiles.onnx"])
def test_the_command_takes_runs_and_models_for_tiles(
    model: Path, tiled: bytes, picture: np.ndarray, tmp_path: Path, kind: str
):
    (model / "tiles.onnx").write_bytes(tiled)
    Image.fromarray(picture).save(tmp_path / "photo.png")
    arguments = [str(tmp_path / "photo.png"), "--model", str(model / kind), "--tile", "64"]
    assert main([*arguments, "-o", str(tmp_path / "out.png")]) == 0
    whole = apply_net(load_model(model).net, picture)
    assert np.abs(read_picture(tmp_path / "out.png").rgb.astype(int) - whole).max() <= 1


def test_models_for_tiles_and_for_whole_pictures_are_not_confused(model: Path, tiled: bytes):
    loaded: TrainedModel = load_model(model)
    with pytest.raises(UserError, match="works on tiles, not on whole pictures"):
        Session(tiled)
    with pytest.raises(UserError, match="export one with --io tiles"):
        TiledSession(to_onnx(loaded, "bytes"))


def test_each_sweep_runs_the_net_no_further_than_its_norm(tiled: bytes):
    convolutions = []
    for number in range(5):
        graph = onnx.load_from_string(_cut(tiled, f"statistics_{number}")).graph
        convolutions.append(sum(node.op_type == "Conv" for node in graph.node))
    assert convolutions == [1, 2, 3, 4, 5]


def test_without_the_package_that_cuts_graphs_the_pixels_are_the_same(
    tiled: bytes, picture: np.ndarray, monkeypatch: pytest.MonkeyPatch
):
    cut = TiledSession(tiled, 64)(picture)
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert (TiledSession(tiled, 64)(picture) == cut).all()
