"""Damaged exported models: wherever the damage shows, one line tells of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

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
    """Hold a path against what can be a model.

    Raises:
        UserError: it is no file.
    """
    refuse_special(model, name)
    if not model.is_file():
        what = "is a folder" if model.is_dir() else "does not exist"
        raise UserError(f"{name} {what}; give an exported .onnx file")


def check_content(name: str, content: bytes) -> None:
    """Hold a file against its sum; one of an earlier version, which has none, must hold numbers.

    Raises:
        UserError: it was changed, refers to other files, or its weights are no numbers.
    """
    try:
        if integrity.check_onnx(content):
            return
    except integrity.DamagedError:
        raise damaged(name) from None
    try:
        import onnx
    except ImportError:  # the runtime works without onnx
        return
    try:
        weights = onnx.load_from_string(content).graph.initializer
        outside = any(each.data_location for each in weights)
        values = [] if outside else [onnx.numpy_helper.to_array(each) for each in weights]
    except Exception:  # protobuf and onnx have classes of their own for every kind of damage
        raise damaged(name) from None
    kinds = (np.float16, np.float32, np.float64)
    if outside or any(each.dtype in kinds and np.isnan(each).any() for each in values):
        raise damaged(name)


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
        UserError: the graph, of the file `name`, cannot do it.
    """
    try:
        return list(session.run(outputs, given, options))
    except UserError:  # of a session that was to be opened anew
        raise
    except Exception as error:  # each kind of damage has its own class in onnxruntime
        if ran_out(error):
            raise
        raise damaged(name) from None


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
