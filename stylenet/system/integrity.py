"""Whether a file still holds the bytes that were written: its last 64 are the sha256 of the others.

Zip files end with a comment, and ONNX files with an entry of metadata, so other programs read both
as before. Files of earlier versions have no sum; of these, zip's own sums are checked.
"""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile

_DIGITS = 64

_NOTE = b"stylenet sha256 "
"""Before the digits, in the comment of a zip file."""

_END = struct.pack("<HH", 0x4B50, 0x0605)
"""The last record of a zip file begins with it, 22 bytes before the end if there is no comment."""

SEALED = "stylenet.sealed"
"""A key in the metadata of an ONNX file that ends with a sum: the sum may be cut off."""

_KEY = b"stylenet.file_sha256"
_ENTRY = b"\x0a" + bytes([len(_KEY)]) + _KEY + b"\x12" + bytes([_DIGITS])
_FIELD = b"\x72" + bytes([len(_ENTRY) + _DIGITS]) + _ENTRY
"""Before the digits, in an ONNX file: a further entry of ``metadata_props``, in protobuf."""


class DamagedError(Exception):
    """The bytes are not those that were written."""


def seal_zip(data: bytes) -> bytes:
    """A zip file without a comment → the same with its sum."""
    assert data[-22:-18] == _END, "no zip file, or one with a comment"
    return _summed(data[:-2] + struct.pack("<H", len(_NOTE) + _DIGITS) + _NOTE)


def check_zip(data: bytes) -> None:
    """Hold a zip file of stored, not compressed, files against its sums.

    Raises:
        DamagedError: they differ, or it is no such file.
    """
    if data[-_DIGITS - len(_NOTE) : -_DIGITS] == _NOTE:
        _check_sum(data)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for entry in archive.infolist():
                if entry.compress_type or entry.file_size != entry.compress_size:
                    raise DamagedError(f"{entry.filename} is compressed")
                if entry.external_attr:  # torch writes none, and reads nothing from a folder
                    raise DamagedError(f"{entry.filename} has attributes")
            if bad := archive.testzip():
                raise DamagedError(f"{bad} has another sum")
    except DamagedError:
        raise
    except Exception as error:  # of damaged headers zipfile makes errors of many kinds
        raise DamagedError(str(error)) from None


def seal_onnx(data: bytes) -> bytes:
    """An ONNX file whose metadata has `SEALED` → the same with its sum."""
    return _summed(data + _FIELD)


def check_onnx(data: bytes) -> bool:
    """Hold an ONNX file against its sum; whether it has one.

    Raises:
        DamagedError: they differ, or the sum is missing.
    """
    if data[-_DIGITS - len(_FIELD) : -_DIGITS] == _FIELD:
        _check_sum(data)
        return True
    if SEALED.encode() in data or _KEY in data:
        raise DamagedError("the sum at its end is missing")
    return False


def _summed(data: bytes) -> bytes:
    return data + hashlib.sha256(data).hexdigest().encode()


def _check_sum(data: bytes) -> None:
    if hashlib.sha256(data[:-_DIGITS]).hexdigest().encode() != data[-_DIGITS:]:
        raise DamagedError("it has another sum")
