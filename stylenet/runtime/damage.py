"""Exported models that are damaged, or were never sound: told in one line, wherever it shows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stylenet.system import integrity
from stylenet.system.errors import UserError, reason
from stylenet.system.memory import ran_out
from stylenet.system.untrusted import check_plain


class DamagedModelError(UserError):
    """A model that no picture can be stylised with."""


def damaged(name: str) -> DamagedModelError:
    """That the model `name` cannot be used, and what to do."""
    return DamagedModelError(f"{name} is no ONNX model, or is damaged; export it again")


def read(model: Path | bytes, name: str) -> bytes:
    """The bytes of a file; bytes as they are.

    Raises:
        UserError: it cannot be opened.
    """
    if isinstance(model, bytes):
        return model
    if not model.is_file():
        raise UserError(f"{name} does not exist; give an exported .onnx file")
    try:
        return model.read_bytes()
    except OSError as error:
        raise UserError(f"cannot open {name} ({reason(error)}); check the path") from None


def check_content(name: str, content: bytes) -> None:
    """Hold a file against its sum, if it has one, and its weights against infinity and NaN.

    Anybody can make a sum, so the weights are looked at either way.

    Raises:
        UserError: it was changed, refers to other files, or its weights are no numbers.
    """
    try:
        integrity.check_onnx(content)
    except integrity.DamagedError:
        raise damaged(name) from None
    try:
        import onnx
    except ImportError:  # the runtime does without
        return
    try:
        graph = onnx.load_from_string(content).graph
        constants = [each.t for node in graph.node for each in node.attribute if each.HasField("t")]
        tensors = [*graph.initializer, *constants]
        outside = any(each.data_location for each in tensors)
        sound = not outside and all(map(_sound, map(onnx.numpy_helper.to_array, tensors)))
    except Exception:  # protobuf and onnx have classes of their own for every kind of damage
        raise damaged(name) from None
    if not sound:
        raise damaged(name)


def _sound(values: NDArray[Any]) -> bool:
    """Whether weights are numbers; the bound of a clip, a single number, may be infinite."""
    if values.dtype.kind in "biuOSU":
        return True
    numbers = values.astype(np.float64)
    return not np.isnan(numbers).any() and (values.size == 1 or bool(np.isfinite(numbers).all()))


def metadata_of(session: Any, name: str) -> dict[str, str]:
    """All that a file says of itself.

    Raises:
        UserError: it is no text.
    """
    try:
        return dict(session.get_modelmeta().custom_metadata_map)
    except Exception:  # onnxruntime decodes texts here, and has classes of its own besides
        raise damaged(name) from None


def run(
    session: Any,
    name: str,
    outputs: Sequence[str] | None,
    given: Mapping[str, Any],
    options: Any = None,
) -> list[Any]:
    """What onnxruntime makes of inputs.

    Raises:
        UserError: the graph, of the file `name`, cannot do it, or makes something else than arrays
            of numbers, such as a sequence.
    """
    try:
        found = list(session.run(outputs, given, options))
    except UserError:  # of a session that was to be opened anew
        raise
    except Exception as error:  # onnxruntime has a class of its own for every kind of damage
        if ran_out(error):
            raise
        raise damaged(name) from None
    if not found or not all(isinstance(each, np.ndarray) and _numeric(each) for each in found):
        raise damaged(name)
    return found


def _numeric(values: NDArray[Any]) -> bool:
    return values.dtype.kind in "biuf"


def parsed(name: str, text: str) -> Any:
    """What JSON in the metadata says.

    Raises:
        UserError: it is none.
    """
    try:
        content = json.loads(text)
        check_plain(content)
    except (ValueError, RecursionError, UserError):
        raise damaged(name) from None
    return content
