"""Checkpoints as bytes that know their own sum, so that damage is found before it is trained on."""

from __future__ import annotations

import hashlib
import io
import zipfile
from typing import Any

import torch

_MARK = b"sha256 "
_LENGTH = len(_MARK) + 64


class DamagedError(ValueError):
    """Bytes that are no checkpoint, or not as they were written."""


def to_bytes(checkpoint: dict[str, Any]) -> bytes:
    """`checkpoint` as ``torch.load`` reads it: a zip, whose comment is the sum of all before it."""
    file = io.BytesIO()
    torch.save(checkpoint, file)
    body = file.getvalue()[:-2] + _LENGTH.to_bytes(2, "little")  # a zip ends in a comment's length
    return body + _mark(body)


def from_bytes(data: bytes, map_location: Any) -> Any:
    """What `to_bytes` made bytes of, or ``torch.save``: those have no sum, but one of each part.

    Raises:
        DamagedError: the sum is another, or no checkpoint can be read.
    """
    try:
        whole = _is_whole(data)
        content = torch.load(io.BytesIO(data), map_location, weights_only=True)
    except Exception as error:  # on other files zip and unpickler raise errors of many kinds
        raise DamagedError(str(error)) from None
    if not whole:
        raise DamagedError("its sum is another")
    return content


def _is_whole(data: bytes) -> bool:
    body, comment = data[:-_LENGTH], data[-_LENGTH:]
    if comment.startswith(_MARK):
        return comment == _mark(body)
    with zipfile.ZipFile(io.BytesIO(data)) as parts:
        return not parts.comment and parts.testzip() is None


def _mark(body: bytes) -> bytes:
    return _MARK + hashlib.sha256(body).hexdigest().encode()
