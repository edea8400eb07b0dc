"""The runtime of exported models: pixels, sources, refusals, and no torch."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from PIL import Image

from stylenet.export.onnx import to_onnx
from stylenet.models.checkpoint import load_model, save_model
from stylenet.nets.johnson import TransformerNet
from stylenet.pictures.images import read_picture
from stylenet.runtime import Session, Stylizer
from stylenet.runtime.model import open_onnx
from stylenet.stylize import main
from stylenet.system.errors import UserError

NET = {"_target_": "stylenet.nets.johnson.TransformerNet", "width": 0.1, "blocks": 1}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with model.pt and model.onnx."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("run")
    save_model(folder / "model.pt", TransformerNet(width=0.1, blocks=1), {"net": NET})
    (folder / "model.onnx").write_bytes(to_onnx(load_model(folder), "bytes"))
    return folder


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A file with transparency, of odd size."""
    rgba = np.random.default_rng(0).integers(0, 256, (45, 63, 4), dtype=np.uint8)
    Image.fromarray(rgba).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--size", "80"],
        ["--preserve-color"],
        ["--strength", "0.4"],
        ["--stretch", "--bilateral", "0.1"],
    ],
    ids=lambda options: " ".join(options) or "plain",
)
def test_the_command_gives_the_same_pixels_from_either_model(
    run: Path, photo: Path, tmp_path: Path, options: list[str]
):
    pictures = []
    for model in ("model.pt", "model.onnx"):
        out = tmp_path / f"{model}.png"
        assert main([str(photo), "--model", str(run / model), "-o", str(out), *options]) == 0
        pictures.append(read_picture(out))
    trained, exported = pictures
    assert np.abs(trained.rgb.astype(int) - exported.rgb).max() <= 1
    assert np.array_equal(trained.alpha, exported.alpha)


def test_files_images_and_arrays_are_the_same_photo(run: Path, photo: Path):
    stylizer = Stylizer(run / "model.onnx")
    with Image.open(photo) as image:
        image.load()
    results = [stylizer(source) for source in (photo, str(photo), image)]
    results.append(stylizer(read_picture(photo).rgb))
    for result in results[1:]:
        assert np.array_equal(result.rgb, results[0].rgb)
    assert results[0].alpha is not None
    assert np.array_equal(results[2].alpha, results[0].alpha)
    assert results[3].alpha is None


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_the_bytes_of_a_model_are_the_model(run: Path, photo: Path, kind: type):
    expected = Stylizer(run / "model.onnx")(photo).rgb
    found = Stylizer(kind((run / "model.onnx").read_bytes()))(photo).rgb
    assert np.array_equal(found, expected)


def test_pictures_of_many_sizes_come_back_in_their_order(run: Path):
    session = Session(run / "model.onnx")
    rng = np.random.default_rng(0)
    sizes = [(40, 50), (33, 64), (40, 50), (64, 33), (40, 50)]
    pictures = [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]
    for picture, stylized in zip(pictures, session.mixed(pictures), strict=True):
        assert np.abs(stylized.astype(int) - session(picture)).max() <= 1


def test_the_runtime_never_imports_torch(run: Path, photo: Path, tmp_path: Path):
    code = (
        "import sys; from stylenet.runtime import Stylizer; from stylenet.stylize import main; "
        f"Stylizer({str(run / 'model.onnx')!r})({str(photo)!r}); "
        f"main([{str(photo)!r}, '--model', {str(run / 'model.onnx')!r}, '-o', "
        f"{str(tmp_path / 'out.png')!r}]); "
        "sys.exit('torch' in sys.modules or 'hydra' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_large_picture_gives_its_memory_back(run: Path):
    """Beyond two megapixels the arena shrinks; the pixels are the same."""
    session = Session(run / "model.onnx", threads=2)
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    before = session(picture)
    session(np.zeros((1500, 1500, 3), np.uint8))
    assert np.array_equal(session(picture), before)


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (np.zeros((40, 40, 3), np.float32), "uint8"),
        (np.zeros((40, 40), np.uint8), "uint8"),
        (np.zeros((40, 40, 4), np.uint8), "uint8"),
        (np.zeros((31, 40, 3), np.uint8), "40x31"),
    ],
)
def test_a_wrong_picture_is_named(run: Path, picture: np.ndarray, said: str):
    for refuse in (Session(run / "model.onnx"), Stylizer(run / "model.onnx")):
        with pytest.raises(UserError, match=said):
            refuse(picture)


def broken(run: Path, kind: str) -> bytes:
    """The exported model, damaged."""
    content = (run / "model.onnx").read_bytes()
    proto = onnx.load_from_string(content)
    if kind == "truncated":
        return content[: len(content) // 2]
    if kind == "text":
        return b"no model at all"
    if kind == "foreign":
        del proto.metadata_props[:]
    if kind == "newer":
        for entry in proto.metadata_props:
            if entry.key == "stylenet.contract":
                entry.value = "2"
    return proto.SerializeToString()


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("truncated", "is no ONNX model, or is damaged"),
        ("text", "is no ONNX model, or is damaged"),
        ("foreign", "is no stylenet model"),
        ("newer", "has contract 2, this stylenet knows up to 1"),
    ],
)
def test_a_file_that_is_no_model_of_ours_is_one_line(
    run: Path, photo: Path, tmp_path: Path, kind: str, said: str, capfd: pytest.CaptureFixture[str]
):
    model = tmp_path / "model.onnx"
    model.write_bytes(broken(run, kind))
    with pytest.raises(SystemExit) as stop:
        main([str(photo), "--model", str(model), "-o", str(tmp_path / "out.png")])
    error = capfd.readouterr().err
    assert stop.value.code == 2
    assert f"error: {model} {said}" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out.png").exists()


def test_a_missing_model_is_one_line(photo: Path, tmp_path: Path):
    with pytest.raises(UserError, match=r"none\.onnx does not exist"):
        Stylizer(tmp_path / "none.onnx")


def test_a_folder_in_the_place_of_a_model_is_one_line(tmp_path: Path):
    (tmp_path / "folder.onnx").mkdir()
    for opening in (Stylizer, open_onnx):
        with pytest.raises(UserError, match=r"folder\.onnx is a folder; give an exported \.onnx"):
            opening(tmp_path / "folder.onnx")
