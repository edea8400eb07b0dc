"""An exported model, opened with onnxruntime and held to its contract."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stylenet.color import Floats, to_floats
from stylenet.errors import UserError
from stylenet.images import Bytes

CONTRACT = 1
"""The newest version of the contract that this runtime understands."""

CONTRACT_KEY = "stylenet.contract"
"""Its version's place in a model's metadata."""

MIN_SIDE = 32
"""The least height and width, in pixels, that every contract promises to take."""

_ARENA_PIXELS = 2_000_000  # beyond, onnxruntime gives memory back after the run: peaks are rare
_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


class Session:
    """An exported model: uint8 RGB in, stylised RGB out, any batch and any size from 32 up.

    Args:
        model: an ``.onnx`` file that `stylenet.export` wrote, or its bytes.
        device: ``cpu``, ``cuda``, or ``auto``, a GPU if onnxruntime has one.
        threads: for one picture; by default one for each core.

    Raises:
        UserError: no such file, no stylenet model, a newer contract, or no such device.
    """

    def __init__(
        self, model: str | Path | bytes, device: str = "auto", threads: int | None = None
    ) -> None:
        name = "the model" if isinstance(model, bytes) else str(model)
        self._session = _open(model, name, _providers(device), threads)
        on_gpu = _PROVIDERS["cuda"] in self._session.get_providers()
        self.device = "cuda" if on_gpu else "cpu"
        self.metadata: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
        _check_contract(name, self.metadata.get(CONTRACT_KEY))
        self._takes_bytes = self._session.get_inputs()[0].type == "tensor(uint8)"

    def __call__(self, rgb: Bytes) -> Floats:
        """Stylise one picture, uint8 (H, W, 3) → float32 (H, W, 3) in [0, 1]."""
        stylized: Floats = self.batch(rgb[None])[0]
        return stylized

    def batch(self, rgb: Bytes) -> Floats:
        """Stylise pictures of one size, uint8 (N, H, W, 3) → float32 (N, H, W, 3) in [0, 1].

        Raises:
            UserError: another type or shape, or a side below 32 pixels.
        """
        if rgb.dtype != np.uint8 or rgb.ndim != 4 or rgb.shape[3] != 3:
            raise UserError(f"pictures are uint8 (N, H, W, 3), not {rgb.dtype} {rgb.shape}")
        if min(rgb.shape[1:3]) < MIN_SIDE:
            height, width = rgb.shape[1:3]
            raise UserError(f"a picture of {width}x{height} is below {MIN_SIDE}x{MIN_SIDE}")
        if self._takes_bytes:
            return to_floats(self._run(rgb))
        image = np.ascontiguousarray(to_floats(rgb).transpose(0, 3, 1, 2))
        stylized: Floats = self._run(image).transpose(0, 2, 3, 1)
        return stylized

    def _run(self, image: NDArray[Any]) -> NDArray[Any]:
        import onnxruntime

        options = onnxruntime.RunOptions()
        if image.size > 3 * _ARENA_PIXELS:
            options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        stylized: NDArray[Any] = self._session.run(None, {"image": image}, options)[0]
        return stylized


def _open(model: str | Path | bytes, name: str, providers: list[str], threads: int | None) -> Any:
    import onnxruntime

    if not isinstance(model, bytes) and not Path(model).is_file():
        raise UserError(f"{name} does not exist; give an exported .onnx file")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors; they come as exceptions, too
    options.intra_op_num_threads = threads or 0
    content = model if isinstance(model, bytes) else str(model)
    try:
        return onnxruntime.InferenceSession(content, options, providers)
    except Exception:  # onnxruntime has a class of its own for every kind of damage
        raise UserError(f"{name} is no ONNX model, or is damaged; export it again") from None


def _providers(device: str) -> list[str]:
    try:
        import onnxruntime
    except ImportError:
        raise UserError(
            "exported models need onnxruntime; run pip install 'stylenet[deploy]'"
        ) from None
    here = onnxruntime.get_available_providers()
    if device == "auto":
        return [provider for provider in reversed(_PROVIDERS.values()) if provider in here]
    if _PROVIDERS[device] not in here:
        raise UserError(f"onnxruntime has no {device} here; run pip install onnxruntime-gpu")
    return [_PROVIDERS[device]]


def _check_contract(name: str, version: str | None) -> None:
    if version is None or not version.isdecimal():
        raise UserError(f"{name} is no stylenet model; export one with python -m stylenet.export")
    if int(version) > CONTRACT:
        raise UserError(
            f"{name} has contract {version}, this stylenet knows up to {CONTRACT}; upgrade stylenet"
        )
