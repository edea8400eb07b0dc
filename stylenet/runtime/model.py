"""Opening an exported model with onnxruntime, held to its contract."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from stylenet.runtime.damage import check_content, check_file, damaged, parsed, read, run
from stylenet.runtime.forks import OnnxSession
from stylenet.system.cpus import usable_cpus
from stylenet.system.errors import UserError

CONTRACT = 1
"""The newest version of the contract that this runtime understands."""

CONTRACT_KEY = "stylenet.contract"
"""Its version's place in a model's metadata."""

_INPUTS = {
    "bytes": ["image"],
    "float": ["image"],
    "tiles": ["image", "interior", "statistics"],
    "recurrent": ["image", "previous"],
    "window": ["frames"],
}
"""What models of each kind take, beside what they may be told of the style."""

_TOLD = {"code", "strength", "style_weights"}

_MOST = 10_000
"""Of a number in the metadata, such as pixels of a halo."""

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
        if "style_weights" not in self.inputs:
            return []
        styles = parsed(self.name, self.metadata.get("stylenet.styles", ""))
        shapes = {end.name: end.shape for end in self.session.get_inputs()}
        named = isinstance(styles, list) and all(isinstance(style, str) for style in styles)
        if not named or shapes["style_weights"][1:] != [len(styles)]:
            raise damaged(self.name)
        return list(styles)

    @property
    def config(self) -> dict[str, Any]:
        """That of the training, as the file tells it; empty where it tells none.

        No path, address or class is to be taken from it.
        """
        config = parsed(self.name, self.metadata.get("stylenet.config", "{}"))
        if not isinstance(config, dict):
            raise damaged(self.name)
        return config

    def number(self, key: str, default: int | None = None) -> int:
        """A number of the metadata.

        Raises:
            UserError: it is none.
        """
        text = self.metadata.get(key, str(default))
        if not (text.isdecimal() and len(text) < 9 and int(text) <= _MOST):
            raise damaged(self.name)
        return int(text)

    def run(
        self, outputs: Sequence[str] | None, given: Mapping[str, Any], options: Any = None
    ) -> list[Any]:
        """What onnxruntime makes of inputs.

        Raises:
            UserError: the graph cannot do it.
        """
        return run(self.session, self.name, outputs, given, options)


def open_model(
    model: str | Path | bytes, device: str = "auto", threads: int | None = None
) -> Model:
    """Open an ``.onnx`` file that `stylenet.export` wrote, or its bytes.

    Args:
        device: ``cpu``, ``cuda``, or ``auto``, a GPU if onnxruntime has one.
        threads: for one picture; by default one for each core.

    Raises:
        UserError: no such file, no stylenet model, one that is damaged, a newer contract, or no
            such device.
    """
    name = "the model" if isinstance(model, bytes) else str(model)
    lasting = _lasting(model)
    session = OnnxSession(name, partial(_checked_session, lasting, name, device, threads))
    metadata = session.metadata
    _check_contract(name, metadata.get(CONTRACT_KEY))
    on_gpu = _PROVIDERS["cuda"] in session.get_providers()
    if device == "cuda" and not on_gpu:
        raise UserError(f"onnxruntime cannot use the GPU for {name}; check its CUDA and cuDNN")
    io = metadata.get("stylenet.io", "bytes")
    part = partial(_part, lasting, name, device, threads)
    found = Model(session, name, io, "cuda" if on_gpu else "cpu", metadata, part)
    _check_facts(found)
    return found


def open_onnx(model: Path, threads: int | None = None) -> OnnxSession:
    """A session on the CPU for any ``.onnx`` file, ours or not.

    Raises:
        UserError: no such file, no ONNX model, or no onnxruntime.
    """
    check_file(model, str(model))
    return OnnxSession(
        str(model), partial(_session, str(_lasting(model)), str(model), "cpu", threads)
    )


def _lasting(model: str | Path | bytes) -> Path | bytes:
    """The file by a path that other processes find, too, whatever folder they are in."""
    return model if isinstance(model, bytes) else Path(model).absolute()


def _part(
    model: Path | bytes, name: str, device: str, threads: int | None, output: str
) -> OnnxSession:
    return OnnxSession(name, partial(_cut_session, model, name, device, threads, output))


def _checked_session(model: Path | bytes, name: str, device: str, threads: int | None) -> Any:
    _providers(device)  # a device that is missing is told before the file is read
    content = read(model, name)
    check_content(name, content)
    return _session(content, name, device, threads)


def _cut_session(
    model: Path | bytes, name: str, device: str, threads: int | None, output: str
) -> Any:
    # without plans: one for each size of tile would keep as much memory again
    content = _cut(read(model, name), output, name)
    return _session(content, name, device, threads, plans=False)


def _session(
    model: str | bytes, name: str, device: str, threads: int | None, plans: bool = True
) -> Any:
    providers = _providers(device)
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what would end the process; errors come as exceptions
    # 0 is onnxruntime's own choice, which minds neither affinity nor quota
    limited = usable_cpus() < (os.cpu_count() or 1)
    options.intra_op_num_threads = threads or (usable_cpus() if limited else 0)
    options.enable_mem_pattern = plans
    try:
        return onnxruntime.InferenceSession(model, options, providers)
    except Exception:  # onnxruntime has a class of its own for every kind of damage
        raise damaged(name) from None


def _check_facts(model: Model) -> None:
    """Hold the metadata against what each kind of model must tell.

    Raises:
        UserError: something is missing, or of another kind.
    """
    required = _INPUTS.get(model.io)
    if required is None or set(model.inputs) - _TOLD != set(required):
        raise damaged(model.name)
    _ = model.styles, model.config
    if model.io == "window":
        model.number("stylenet.around")
    if model.io == "tiles":
        model.number("stylenet.halo")
        if model.number("stylenet.alignment") < 1:
            raise damaged(model.name)


def _cut(model: bytes, output: str, name: str = "the model") -> bytes:
    """The graph as far as `output` needs it; the whole one without the package that can cut it.

    onnxruntime itself runs every node, whichever output it is asked for.
    """
    try:
        import onnx
        from onnx.utils import Extractor
    except ImportError:
        return model
    try:
        whole = onnx.load_from_string(model)
        inputs = [value.name for value in whole.graph.input]
        content: bytes = Extractor(whole).extract_model(inputs, [output]).SerializeToString()
    except Exception:  # protobuf and onnx have classes of their own for every kind of damage
        raise damaged(name) from None
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
    if version is None or not version.isdecimal() or len(version) > 9:
        raise UserError(f"{name} is no stylenet model; export one with python -m stylenet.export")
    if int(version) > CONTRACT:
        raise UserError(
            f"{name} has contract {version}, this stylenet knows up to {CONTRACT}; upgrade stylenet"
        )
