"""Opening an exported model with onnxruntime, and checking it against its contract."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from stylenet.runtime.damage import check_content, check_file, damaged, parsed, read, run
from stylenet.runtime.devices import check_device, device_of, session_on
from stylenet.runtime.forks import OnnxSession
from stylenet.system.cpus import usable_cpus
from stylenet.system.errors import UserError
from stylenet.system.program import program

CONTRACT = 1
"""The newest version of the contract that this runtime understands."""

CONTRACT_KEY = "stylenet.contract"
"""Key of the contract's version in a model's metadata."""

_INPUTS = {
    "bytes": ["image"],
    "float": ["image"],
    "tiles": ["image", "interior", "statistics"],
    "recurrent": ["image", "previous"],
    "window": ["frames"],
}
"""Inputs of each kind of model, besides inputs for the style."""

_TOLD = {"code", "strength", "style_weights"}
"""Inputs for the style."""

_MOST = 10_000
"""The largest number allowed in the metadata, such as pixels of a halo."""


@dataclass(frozen=True)
class Model:
    """An open model.

    session: of onnxruntime. name: for messages. io: the kind of model, ``bytes``, ``float`` or
    ``tiles`` for photos, ``recurrent`` or ``window`` for clips. device: ``cpu``, ``cuda`` or
    ``tensorrt``. metadata: all metadata of the file. part: opens a session for one output alone.
    """

    session: Any
    name: str
    io: str
    device: str
    metadata: dict[str, str]
    part: Callable[[str], Any]

    @property
    def inputs(self) -> list[str]:
        """The names of all inputs."""
        return [each.name for each in self.session.get_inputs()]

    @property
    def takes_style(self) -> bool:
        """Whether one input is a style code, so that the model takes any style."""
        return "code" in self.inputs

    @property
    def styles(self) -> list[str]:
        """The names of the styles that ``style_weights`` mixes; empty without this input."""
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
        """The training's config from the metadata, or an empty one.

        The file may be anyone's: take no path, address or class from it.
        """
        config = parsed(self.name, self.metadata.get("stylenet.config", "{}"))
        if not isinstance(config, dict):
            raise damaged(self.name)
        return config

    def number(self, key: str, default: int | None = None) -> int:
        """A number from the metadata.

        Raises:
            UserError: the entry is not a whole number, or is too large.
        """
        text = self.metadata.get(key, str(default))
        if not (text.isdecimal() and len(text) < 9 and int(text) <= _MOST):
            raise damaged(self.name)
        return int(text)

    def run(
        self, outputs: Sequence[str] | None, given: Mapping[str, Any], options: Any = None
    ) -> list[Any]:
        """Run the model and return its outputs.

        Raises:
            UserError: the graph fails on these inputs.
        """
        return run(self.session, self.name, outputs, given, options)


def open_model(
    model: str | Path | bytes, device: str = "auto", threads: int | None = None
) -> Model:
    """Open an ``.onnx`` file that `stylenet.export` wrote, or its bytes.

    Args:
        device: one of `DEVICES`.
        threads: number of threads for one picture; by default one for each core.

    Raises:
        UserError: the file is missing, damaged, no stylenet model or of a newer contract, or
            onnxruntime lacks the device.
    """
    name = "the model" if isinstance(model, bytes) else str(model)
    lasting = _lasting(model)
    session = OnnxSession(name, partial(_checked_session, lasting, name, device, threads))
    metadata = session.metadata
    _check_contract(name, metadata.get(CONTRACT_KEY))
    found = device_of(session)
    if device not in ("auto", found):
        mend = "run pip install 'onnxruntime-gpu[cuda,cudnn]', or check the GPU's driver"
        raise UserError(f"onnxruntime cannot use {device} for {name}; {mend}")
    io = metadata.get("stylenet.io", "bytes")
    part = partial(_part, lasting, name, device, threads)
    opened = Model(session, name, io, found, metadata, part)
    _check_facts(opened)
    return opened


def open_onnx(model: Path, threads: int | None = None) -> OnnxSession:
    """Open any ``.onnx`` file on the CPU, whether or not stylenet wrote it.

    Raises:
        UserError: the file is missing or no ONNX model, or onnxruntime is missing.
    """
    check_file(model, str(model))
    return OnnxSession(
        str(model), partial(_session, str(_lasting(model)), str(model), "cpu", threads)
    )


def _lasting(model: str | Path | bytes) -> Path | bytes:
    """The absolute path, which is valid whatever a process's working folder; bytes as they are."""
    return model if isinstance(model, bytes) else Path(model).absolute()


def _part(
    model: Path | bytes, name: str, device: str, threads: int | None, output: str
) -> OnnxSession:
    return OnnxSession(name, partial(_cut_session, model, name, device, threads, output))


def _checked_session(model: Path | bytes, name: str, device: str, threads: int | None) -> Any:
    check_device(device)  # a missing device is reported before the file is read
    content = read(model, name)
    check_content(name, content)
    return _session(content, name, device, threads)


def _cut_session(
    model: Path | bytes, name: str, device: str, threads: int | None, output: str
) -> Any:
    return _session(_cut(read(model, name), output, name), name, device, threads)


def _session(model: str | bytes, name: str, device: str, threads: int | None) -> Any:
    check_device(device)
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # fatal messages only; errors come as exceptions
    # 0 lets onnxruntime choose, but it knows neither CPU affinity nor quota
    limited = usable_cpus() < (os.cpu_count() or 1)
    options.intra_op_num_threads = threads or (usable_cpus() if limited else 0)
    # the plan for each size of picture would keep as much memory again, and saves no time
    options.enable_mem_pattern = False
    try:
        return session_on(device, model, options)
    except Exception:  # each kind of damage has its own class in onnxruntime
        raise damaged(name) from None


def _check_facts(model: Model) -> None:
    """Check that inputs and metadata are complete for the kind of model.

    Raises:
        UserError: something is missing or malformed.
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
    """The part of the graph that `output` needs, or the whole graph where onnx is missing.

    onnxruntime itself runs every node, whichever output is requested.
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
    except Exception:  # each kind of damage has its own class in protobuf and onnx
        raise damaged(name) from None
    return content


def _check_contract(name: str, version: str | None) -> None:
    if version is None or not version.isdecimal() or len(version) > 9:
        raise UserError(f"{name} is no stylenet model; export one with {program()} export")
    if int(version) > CONTRACT:
        raise UserError(
            f"{name} has contract {version}, this stylenet knows up to {CONTRACT}; upgrade stylenet"
        )
