"""What onnxruntime says of a damaged model, in one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stylenet.errors import UserError
from stylenet.memory import ran_out


class DamagedModelError(UserError):
    """A model that no picture can be stylised with."""


def damaged(name: str) -> DamagedModelError:
    """That the model `name` cannot be used, and what to do."""
    return DamagedModelError(f"{name} is no ONNX model, or is damaged; export it again")


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
        UserError: the graph, of the file `name`, cannot do it.
    """
    try:
        return list(session.run(outputs, given, options))
    except UserError:
        raise
    except Exception as error:  # onnxruntime has a class of its own for every kind of damage
        if ran_out(error):
            raise
        raise damaged(name) from None
