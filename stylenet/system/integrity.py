"""Sealing model files with a sha256, which shows whether a file still holds the written bytes.

The last 64 bytes of a file are the sha256 of the bytes before. They lie in the comment of a zip
file, and in a last entry of the metadata of an ONNX file, so other programs can read both. Files of
earlier versions have no seal. For zip files, zip's own checksums are checked in any case.
"""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
from pathlib import Path

from stylenet.system.errors import UserError, reason
from stylenet.system.special_files import refuse_special

_DIGITS = 64

_NOTE = b"stylenet sha256 "
"""The text before the digits in the comment of a zip file."""

_END = struct.pack("<HH", 0x4B50, 0x0605)
"""Start of a zip file's last record, which lies 22 bytes before the end if there is no comment."""

SEALED = "stylenet.sealed"
"""A metadata key of sealed ONNX files. It shows that a seal was there if the file is cut short."""

_KEY = b"stylenet.file_sha256"
_ENTRY = b"\x0a" + bytes([len(_KEY)]) + _KEY + b"\x12" + bytes([_DIGITS])
_FIELD = b"\x72" + bytes([len(_ENTRY) + _DIGITS]) + _ENTRY
"""The bytes before the digits in an ONNX file: the start of an entry of ``metadata_props``."""


class DamagedError(Exception):
    """The bytes differ from the bytes that were written."""


def sha256_of(file: Path) -> str:
    """The sha256 of a file's bytes.

    Raises:
        UserError: the file cannot be read.
    """
    refuse_special(file)
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"cannot open {file} ({reason(error)}); check the path") from None


def seal_zip(data: bytes) -> bytes:
    """Add the seal to a zip file, which must have no comment."""
    assert data[-22:-18] == _END, "no zip file, or one with a comment"
    return _summed(data[:-2] + struct.pack("<H", len(_NOTE) + _DIGITS) + _NOTE)


def check_zip(data: bytes) -> None:
    """Check the seal, if there is one, and the checksums of a zip file without compression.

    Raises:
        DamagedError: a sum differs, or `data` is no such zip file.
    """
    if data[-_DIGITS - len(_NOTE) : -_DIGITS] == _NOTE:
        _check_sum(data)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for entry in archive.infolist():
                if entry.compress_type or entry.file_size != entry.compress_size:
                    raise DamagedError(f"{entry.filename} is compressed")
                if entry.external_attr:  # torch writes none; one marks a folder, read as empty
                    raise DamagedError(f"{entry.filename} has attributes")
            if bad := archive.testzip():
                raise DamagedError(f"{bad} has another sum")
    except DamagedError:
        raise
    except Exception as error:  # zipfile raises errors of many kinds on damaged headers
        raise DamagedError(str(error)) from None


def seal_onnx(data: bytes) -> bytes:
    """Add the seal to an ONNX file, whose metadata must have the key `SEALED`."""
    return _summed(data + _FIELD)


def check_onnx(data: bytes) -> bool:
    """Check the seal of an ONNX file, and return whether it has one.

    Raises:
        DamagedError: the sum differs, or the seal of a sealed file is missing.
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
