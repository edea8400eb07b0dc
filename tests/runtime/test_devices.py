"""Where exported models run: I/O binding gives the same bits, and what is missing is named."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from stylenet.export.onnx import clip_io, to_onnx
from stylenet.models.checkpoint import TrainedModel
from stylenet.nets.johnson import TransformerNet
from stylenet.nets.video import RecurrentNet, WindowNet
from stylenet.runtime import Session, TiledSession
from stylenet.runtime.bound import BoundSession
from stylenet.runtime.model import Model, open_model
from stylenet.system.errors import UserError


def exported(io: str) -> bytes:
    make = {"recurrent": RecurrentNet, "window": WindowNet}.get(io, TransformerNet)
    torch.manual_seed(0)
    net = make(width=0.1, blocks=1).eval()
    return to_onnx(TrainedModel(net, {"net": {}}), clip_io(net, io))


def bound(content: bytes) -> Model:
    """The model on the CPU, run as a model on a GPU is."""
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return replace(open_model(content, "cpu"), session=BoundSession(session, "cpu"))


def drawn(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("io", ["bytes", "float"])
def test_bound_pictures_are_the_same_bits_at_any_size_and_stay(io: str):
    content = exported(io)
    plain, session = Session(content, "cpu"), Session(bound(content))
    batches = [drawn(*shape) for shape in ((1, 40, 56, 3), (1, 40, 56, 3), (3, 33, 64, 3))]
    batches += [255 - batches[0], batches[0]]
    before = [batch.copy() for batch in batches]
    found = [session.batch(batch) for batch in batches]
    for batch, given, result in zip(batches, before, found, strict=True):
        assert np.array_equal(batch, given)  # what is given is no place to work in
        assert np.array_equal(result, plain.batch(given))


@pytest.mark.parametrize("io", ["recurrent", "window"])
def test_bound_frames_are_the_same_bits(io: str):
    content = exported(io)
    plain, session = Session(content, "cpu"), Session(bound(content))
    film, mine, other = drawn(6, 40, 56, 3), drawn(1, 40, 56, 3), drawn(1, 40, 56, 3)
    for start in range(2):
        window = film[None, start : start + 2 * plain.receptive_radius + 1]
        mine, other = session.frame(window, mine), plain.frame(window, other)
        assert np.array_equal(mine, other)


def test_bound_tiles_are_the_same_bits():
    content, rgb = exported("tiles"), drawn(100, 130, 3)
    cut = replace(bound(content), part=lambda output: bound(content).session)
    assert np.array_equal(TiledSession(cut, 48)(rgb), TiledSession(content, 48, device="cpu")(rgb))


def test_pictures_of_one_size_take_memory_once(monkeypatch: pytest.MonkeyPatch):
    taken, take = [], onnxruntime.OrtValue.ortvalue_from_shape_and_type
    noted = lambda *arguments: taken.append(arguments) or take(*arguments)  # noqa: E731
    monkeypatch.setattr(onnxruntime.OrtValue, "ortvalue_from_shape_and_type", noted)
    session = Session(bound(exported("bytes")))
    for side in (40, 40, 40, 48, 48):
        session(drawn(side, 56, 3))
    assert len(taken) == 2


def test_threads_share_a_bound_session():
    content = exported("bytes")
    session, plain = Session(bound(content)), Session(content, "cpu")
    pictures = [drawn(32 + number % 3, 40, 3) for number in range(12)]
    with ThreadPoolExecutor(4) as pool:
        for picture, result in zip(pictures, pool.map(session, pictures), strict=True):
            assert np.array_equal(result, plain(picture))


def test_a_failed_run_is_named_and_the_next_one_works():
    content, rgb = exported("bytes"), drawn(1, 40, 56, 3)
    session = Session(bound(content))
    for wrong in ({"image": rgb[0]}, {"picture": rgb}, {"image": rgb.astype(np.float32)}):
        with pytest.raises(UserError, match="export it again"):
            session.model.run(None, wrong)
        assert np.array_equal(session.batch(rgb), Session(content, "cpu").batch(rgb))


def test_an_unknown_device_is_named():
    with pytest.raises(UserError, match="device tpu is unknown; use auto, cpu, cuda, tensorrt"):
        Session(b"", "tpu")


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with the names of TensorRT's plugin; its library is missing."""
    library = tmp_path / "library.so"
    (tmp_path / "onnxruntime_ep_nv_tensorrt_rtx.py").write_text(
        "def get_ep_name(): return 'NvTensorRTRTXExecutionProvider'\n"
        f"def get_library_path(): return {str(library)!r}\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    return library


@pytest.mark.parametrize("content", [None, b"no library"])
def test_a_plugin_that_cannot_be_loaded_is_told_on_one_line(plugin: Path, content: bytes | None):
    if content:
        plugin.write_bytes(content)
    with pytest.raises(UserError, match=r"TensorRT cannot be loaded \(.+\); check the GPU") as told:
        Session(b"", "tensorrt")
    assert "\n" not in str(told.value)


@pytest.mark.skipif(
    "CUDAExecutionProvider" in onnxruntime.get_available_providers(), reason="there is CUDA"
)
def test_a_device_that_is_missing_is_named_with_its_package():
    with pytest.raises(UserError, match="no cuda here; run pip install onnxruntime-gpu"):
        Session(b"", "cuda")


@pytest.mark.gpu
@pytest.mark.parametrize("device", ["cuda", "tensorrt"])
@pytest.mark.parametrize("io", ["bytes", "float"])
def test_a_gpu_paints_the_same(device: str, io: str):
    content = exported(io)
    try:
        session = Session(content, device)
    except UserError as error:
        pytest.skip(str(error))
    plain = Session(content, "cpu")
    for shape in ((1, 40, 56, 3), (1, 40, 56, 3), (3, 33, 64, 3)):
        batch = drawn(*shape)
        apart = np.abs(session.batch(batch).astype(int) - plain.batch(batch))
        assert apart.mean() < 0.5
        assert np.quantile(apart, 0.99) <= 3
