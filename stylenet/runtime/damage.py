"""Damaged exported models: wherever the damage shows, one line tells of it."""

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
from stylenet.system.special_files import refuse_special
from stylenet.system.untrusted import check_plain


class DamagedModelError(UserError):
    """An exported model that cannot stylise any picture."""


def damaged(name: str) -> DamagedModelError:
    """The error for a model `name` that cannot be used, with what to do."""
    return DamagedModelError(f"{name} is no ONNX model, or is damaged; export it again")


def read(model: Path | bytes, name: str) -> bytes:
    """The bytes of a model's file. A model given as bytes is returned as it is.

    Raises:
        UserError: the file does not exist, or cannot be opened.
    """
    if isinstance(model, bytes):
        return model
    check_file(model, name)
    try:
        return model.read_bytes()
    except OSError as error:
        raise UserError(f"cannot open {name} ({reason(error)}); check the path") from None


def check_file(model: Path, name: str) -> None:
    """Check that a path can be a model.

    Raises:
        UserError: it is no file.
    """
    refuse_special(model, name)
    if not model.is_file():
        what = "is a folder" if model.is_dir() else "does not exist"
        raise UserError(f"{name} {what}; give an exported .onnx file")


def check_content(name: str, content: bytes) -> None:
    """Check a file against its checksum, if it has one, and its weights for infinity and NaN.

    Anybody can make a checksum, so the weights are always checked.

    Raises:
        UserError: the content was changed, refers to other files, or has weights that are not
            finite.
    """
    try:
        integrity.check_onnx(content)
    except integrity.DamagedError:
        raise damaged(name) from None
    try:
        import onnx
    except ImportError:  # the runtime works without onnx
        return
    try:
        graph = onnx.load_from_string(content).graph
        constants = [each.t for node in graph.node for each in node.attribute if each.HasField("t")]
        tensors = [*graph.initializer, *constants]
        outside = any(each.data_location for each in tensors)
        sound = not outside and all(map(_sound, map(onnx.numpy_helper.to_array, tensors)))
    except Exception:  # each kind of damage has its own class in protobuf and onnx
        raise damaged(name) from None
    if not sound:
        raise damaged(name)


def _sound(values: NDArray[Any]) -> bool:
    """Whether weights are finite. A single number may be infinite, as the bound of a clip."""
    if values.dtype.kind in "biuOSU":
        return True
    numbers = values.astype(np.float64)
    return not np.isnan(numbers).any() and (values.size == 1 or bool(np.isfinite(numbers).all()))


def metadata_of(session: Any, name: str) -> dict[str, str]:
    """All metadata of an open model.

    Raises:
        UserError: the metadata is not text.
    """
    try:
        return dict(session.get_modelmeta().custom_metadata_map)
    except Exception:  # UnicodeDecodeError, or a class of onnxruntime
        raise damaged(name) from None


def run(
    session: Any,
    name: str,
    outputs: Sequence[str] | None,
    given: Mapping[str, Any],
    options: Any = None,
) -> list[Any]:
    """Run a model, the file `name`, and return its outputs.

    Raises:
        UserError: the graph fails on these inputs, or gives something else than arrays of numbers,
            such as a sequence.
    """
    try:
        found = list(session.run(outputs, given, options))
    except UserError:  # raised where the session cannot be opened anew
        raise
    except Exception as error:  # each kind of damage has its own class in onnxruntime
        if ran_out(error):
            raise
        raise damaged(name) from None
    if not found or not all(isinstance(each, np.ndarray) and _numeric(each) for each in found):
        raise damaged(name)
    return found


def _numeric(values: NDArray[Any]) -> bool:
    return values.dtype.kind in "biuf"


def parsed(name: str, text: str) -> Any:
    """Parse JSON from the metadata of the model `name`.

    Raises:
        UserError: the text is not JSON, or is too large.
    """
    try:
        content = json.loads(text)
        check_plain(content)
    except (ValueError, RecursionError, UserError):
        raise damaged(name) from None
    return content
