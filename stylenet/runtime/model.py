"""Opening an exported model with onnxruntime, held to its contract."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stylenet.cpus import usable_cpus
from stylenet.errors import UserError

CONTRACT = 1
"""The newest version of the contract that this runtime understands."""

CONTRACT_KEY = "stylenet.contract"
"""Its version's place in a model's metadata."""

_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


@dataclass(frozen=True)
class Model:
    """An open model.

    session: onnxruntime's. name: for messages. io: ``bytes``, ``float`` or ``tiles``; ``recurrent``
    or ``window`` of nets for clips. device: ``cpu`` or ``cuda``. metadata: all that the file says
    of itself. part: a session for one of its outputs alone.
    """

    session: Any
    name: str
    io: str
    device: str
    metadata: dict[str, str]
    part: Callable[[str], Any]

    @property
    def inputs(self) -> list[str]:
        """The names of all that it takes."""
        return [each.name for each in self.session.get_inputs()]

    @property
    def takes_style(self) -> bool:
        """Whether it takes the code of any style, beside the photo."""
        return "code" in self.inputs

    @property
    def styles(self) -> list[str]:
        """The names of the styles that it takes weights of, beside the photo; else none."""
        several = "style_weights" in self.inputs
        return list(json.loads(self.metadata["stylenet.styles"])) if several else []


def open_model(
    model: str | Path | bytes, device: str = "auto", threads: int | None = None
) -> Model:
    """Open an ``.onnx`` file that `stylenet.export` wrote, or its bytes.

    Args:
        device: ``cpu``, ``cuda``, or ``auto``, a GPU if onnxruntime has one.
        threads: for one picture; by default one for each core.

    Raises:
        UserError: no such file, no stylenet model, a newer contract, or no such device.
    """
    name = "the model" if isinstance(model, bytes) else str(model)
    session = _open(model, name, _providers(device), threads)
    metadata: dict[str, str] = session.get_modelmeta().custom_metadata_map
    _check_contract(name, metadata.get(CONTRACT_KEY))
    on_gpu = _PROVIDERS["cuda"] in session.get_providers()
    if device == "cuda" and not on_gpu:
        raise UserError(f"onnxruntime cannot use the GPU for {name}; check its CUDA and cuDNN")
    io = metadata.get("stylenet.io", "bytes")

    def part(output: str) -> Any:
        # without plans: one for each size of tile would keep as much memory again
        return _open(_cut(model, output), name, _providers(device), threads, plans=False)

    return Model(session, name, io, "cuda" if on_gpu else "cpu", metadata, part)


def open_onnx(model: Path, threads: int | None = None) -> Any:
    """onnxruntime's session on the CPU for any ``.onnx`` file, ours or not.

    Raises:
        UserError: no such file, no ONNX model, or no onnxruntime.
    """
    return _open(model, str(model), _providers("cpu"), threads)


def _open(
    model: str | Path | bytes,
    name: str,
    providers: list[str],
    threads: int | None,
    plans: bool = True,
) -> Any:
    import onnxruntime

    if not isinstance(model, bytes) and not Path(model).is_file():
        raise UserError(f"{name} does not exist; give an exported .onnx file")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors; they come as exceptions, too
    # 0 is onnxruntime's own choice, which minds neither affinity nor quota
    limited = usable_cpus() < (os.cpu_count() or 1)
    options.intra_op_num_threads = threads or (usable_cpus() if limited else 0)
    options.enable_mem_pattern = plans
    content = model if isinstance(model, bytes) else str(model)
    try:
        return onnxruntime.InferenceSession(content, options, providers)
    except Exception:  # onnxruntime has a class of its own for every kind of damage
        raise UserError(f"{name} is no ONNX model, or is damaged; export it again") from None


def _cut(model: str | Path | bytes, output: str) -> str | Path | bytes:
    """The graph as far as `output` needs it; the whole one without the package that can cut it.

    onnxruntime itself runs every node, whichever output it is asked for.
    """
    try:
        import onnx
        from onnx.utils import Extractor
    except ImportError:
        return model
    whole = onnx.load_from_string(model) if isinstance(model, bytes) else onnx.load(str(model))
    inputs = [value.name for value in whole.graph.input]
    content: bytes = Extractor(whole).extract_model(inputs, [output]).SerializeToString()
    return content


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
