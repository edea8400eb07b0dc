"""Models in programs that fork, and that send them to other processes."""

import os
import pickle
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
from stylenet.opening import Wanted, open_to_stylize
from stylenet.runtime import Session, Stylizer, TiledSession
from stylenet.runtime.regions import Mask
from stylenet.runtime.stylizer import RegionalStylizer, clip_at_work
from stylenet.runtime.tiles import silent
from stylenet.system.errors import UserError

NET = {"_target_": "stylenet.nets.johnson.TransformerNet", "width": 0.1, "blocks": 1}

PROGRAM = """
import os, pickle, sys, threading
import numpy as np

model, generations, used, busy = sys.argv[1], *map(int, sys.argv[2:])
with open(model, "rb") as file:
    run = pickle.load(file)
photo = np.random.default_rng(0).integers(0, 256, (70, 90, 3), dtype=np.uint8)
pixels = lambda: np.asarray(getattr(result := run(photo), "rgb", result))
before = pixels()
running = threading.Event()
other = threading.Thread(target=lambda: [run(photo) for _ in iter(running.is_set, False)])
if busy:
    running.set()
    other.start()

for generation in range(generations):
    child = os.fork()
    if child:
        break
    if used and not np.array_equal(pixels(), before):
        sys.exit(f"generation {generation} has other pixels")
if child:
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if generation == 0 and not np.array_equal(pixels(), before):
        sys.exit("the parent has other pixels now")
    running.clear()
    sys.exit(code)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run, its exports, and a mask."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("run")
    save_model(folder / "model.pt", TransformerNet(width=0.1, blocks=1), {"net": NET})
    for io in ("bytes", "tiles"):
        (folder / f"{io}.onnx").write_bytes(to_onnx(load_model(folder), io))
    Image.fromarray(np.tile(np.uint8([0, 255]), (8, 4))).save(folder / "mask.png")
    return folder


def stylizer(folder: Path, kind: str):
    if kind == "a region":
        masks = [Mask(folder / "mask.png"), Mask(folder / "mask.png", keep=True)]
        both = [Stylizer(folder / "bytes.onnx"), Stylizer(folder / "tiles.onnx")]
        return RegionalStylizer(both, masks, 2.0)
    if kind == "torch":
        return Stylizer(open_to_stylize(folder, Wanted(device="cpu"), silent).net)
    if kind == "bytes, not a file":
        return TiledSession((folder / "tiles.onnx").read_bytes(), side=32, threads=2)
    return Stylizer(folder / f"{kind}.onnx", stroke_scale=1.5)


def forked(run, folder: Path, first: str = "", generations=1, used=1, busy=0) -> None:
    """Run `PROGRAM`, in which no child may be killed, be late or see other pixels."""
    (folder / "pickle").write_bytes(pickle.dumps(run))
    quiet = ("ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS", "CI", "OMP_NUM_THREADS")
    command = [sys.executable, "-c", first + PROGRAM, str(folder / "pickle")]
    done = subprocess.run(
        [*command, *map(str, (generations, used, busy))],
        env={name: value for name, value in os.environ.items() if name not in quiet},
        cwd="/",
        timeout=100,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("kind", ["bytes", "a region", "bytes, not a file"])
def test_children_and_their_children_stylise_as_the_parent(folder: Path, kind: str):
    forked(stylizer(folder, kind), folder, generations=2)


def test_a_net_of_torch_works_behind_a_fork(folder: Path):
    forked(
        stylizer(folder, "torch"),
        folder,
        "from pathlib import Path; import torch; torch.set_num_threads(2)\n"
        "from stylenet.opening import Wanted, open_to_stylize\n"
        f"open_to_stylize(Path({str(folder)!r}), Wanted(), print)\n",
    )


def test_a_child_that_stylises_nothing_ends(folder: Path):
    forked(stylizer(folder, "bytes"), folder, used=0)


def test_children_end_where_onnxruntime_was_imported_first(folder: Path):
    forked(stylizer(folder, "bytes"), folder, "import onnxruntime\n")


def test_a_fork_while_a_thread_stylises(folder: Path):
    forked(stylizer(folder, "bytes"), folder, busy=1)


@pytest.mark.parametrize("kind", ["bytes", "a region", "bytes, not a file", "torch"])
def test_a_pickled_model_gives_the_same_pixels(folder: Path, picture: np.ndarray, kind: str):
    run = stylizer(folder, kind)
    content = pickle.dumps(run)
    for again in (pickle.loads(content), pickle.loads(pickle.dumps(pickle.loads(content)))):
        expected, found = run(picture), again(picture)
        assert np.array_equal(getattr(found, "rgb", found), getattr(expected, "rgb", expected))


def test_a_model_pickles_as_its_path_wherever_that_was_named_from(
    folder: Path, picture: np.ndarray, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(folder)
    run = Stylizer("bytes.onnx")
    content = pickle.dumps(run)
    assert len(content) < (folder / "bytes.onnx").stat().st_size / 10
    monkeypatch.chdir("/")
    assert np.array_equal(pickle.loads(content)(picture).rgb, run(picture).rgb)


def test_a_clip_net_pickles(folder: Path, picture: np.ndarray):
    for net in (
        clip_at_work(Session(folder / "bytes.onnx").model),
        open_to_stylize(folder, Wanted(device="cpu"), silent).clip,
    ):
        [expected], [found] = list(net([picture])), list(pickle.loads(pickle.dumps(net))([picture]))
        assert np.array_equal(found, expected)


def test_another_model_at_its_path_is_not_taken_for_it(
    folder: Path, tmp_path: Path, picture: np.ndarray
):
    file = tmp_path / "model.onnx"
    file.write_bytes((folder / "bytes.onnx").read_bytes())
    content = pickle.dumps(Stylizer(file))
    other = onnx.load(file)
    other.metadata_props.add(key="stylenet.precision", value="another")
    onnx.save(other, file)
    with pytest.raises(UserError, match=r"model\.onnx has changed since it was opened"):
        pickle.loads(content)(picture)
    file.unlink()
    with pytest.raises(UserError, match=r"model\.onnx does not exist"):
        pickle.loads(content)(picture)
