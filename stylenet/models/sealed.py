"""Files of PyTorch that end with their own sum; only containers and tensors are read."""

from __future__ import annotations

import io
import warnings
from typing import Any

import torch

from stylenet.system import integrity


def dump(content: Any) -> bytes:
    """`content` as `torch.save` writes it, with its sum."""
    file = io.BytesIO()
    torch.save(content, file)
    return integrity.seal_zip(file.getvalue())


def parse(data: bytes) -> Any:
    """What `dump`, or `torch.save` alone, made bytes of: plain containers and tensors on the CPU.

    Nothing is executed, and nothing else is built.

    Raises:
        DamagedError: a sum differs, or it is another file.
    """
    integrity.check_zip(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of tensors that no file of ours holds
            return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # on other files the unpickler raises errors of many kinds
        raise integrity.DamagedError(str(error)) from None
