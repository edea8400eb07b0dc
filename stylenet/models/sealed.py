"""PyTorch files that end with their own checksum. Only containers and tensors are read."""

from __future__ import annotations

import io
import warnings
from typing import Any

import torch

from stylenet.system import integrity


def dump(content: Any) -> bytes:
    """Serialise `content` by `torch.save`, and append a checksum."""
    file = io.BytesIO()
    torch.save(content, file)
    return integrity.seal_zip(file.getvalue())


def parse(data: bytes) -> Any:
    """Read the bytes of `dump`, or of `torch.save`: plain containers and tensors on the CPU.

    Nothing is executed, and nothing else is built.

    Raises:
        DamagedError: the checksum differs, or the bytes are something else.
    """
    integrity.check_zip(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about kinds of tensors that stylenet never writes
            return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # foreign files raise many kinds of errors
        raise integrity.DamagedError(str(error)) from None
