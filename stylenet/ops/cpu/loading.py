"""Loading the compiled library, and the prototypes of its functions."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from ctypes import CDLL, c_float, c_int, c_long, c_void_p
from typing import IO, Any

from torch import Tensor

_POINTER, _INT, _LONG, _FLOAT = [c_void_p], [c_int], [c_long], [c_float]

PROTOTYPES: dict[str, tuple[type | None, list[Any]]] = {
    "stylenet_panel": (c_int, []),
    "stylenet_has_halves": (c_int, []),
    "stylenet_filter": (None, 2 * _POINTER + 4 * _INT),
    "stylenet_convolve": (None, 5 * _POINTER + 10 * _INT + _POINTER + 2 * _INT),
    "stylenet_filter_gradient": (None, 3 * _POINTER + 7 * _INT + _POINTER + 2 * _INT),
    "stylenet_upsample": (None, 2 * _POINTER + 6 * _INT),
    "stylenet_upsample_gradient": (None, 2 * _POINTER + 6 * _INT),
    "stylenet_gram": (None, 2 * _POINTER + _INT + _LONG + 2 * _INT + _POINTER + 2 * _INT),
    "stylenet_norm": (None, 5 * _POINTER + 4 * _INT + _FLOAT + 3 * _INT),
    "stylenet_norm_gradient": (None, 7 * _POINTER + 7 * _INT),
}
"""Prototypes by function: the type of the result and the types of the arguments."""

TRIAL_SECONDS = 60
"""Time limit in seconds. Loading takes a twentieth of a second, and far longer while swapping."""

_open: list[IO[bytes]] = []
"""Files of loaded libraries, never closed. A path used again would mean the same library to the
system."""


def address(tensor: Tensor | None) -> int | None:
    """The address of the first element; None stands for a null pointer."""
    return None if tensor is None else tensor.data_ptr()


def load(code: bytes) -> CDLL:
    """Load a shared library, given as the bytes of its file.

    The library is mapped from a file that only this process can open. So the checked bytes run,
    even if the file in the cache changes meanwhile.

    Raises:
        OSError: `code` is no library for this machine, or lacks a function.
    """
    file = _private_file(code)
    try:
        library = CDLL(_path(file))
        for name, (result, arguments) in PROTOTYPES.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    except AttributeError as error:
        raise OSError(str(error)) from None
    finally:
        _open.append(file)
    return library


def try_to_load(code: bytes) -> None:
    """Load `code` in a separate process, because loading a faulty library may end the process.

    Raises:
        OSError: the library does not load.
    """
    with _private_file(code) as file:
        command = [sys.executable, "-ISc", "import ctypes, sys; ctypes.CDLL(sys.argv[1])"]
        tried = subprocess.run(
            [*command, _path(file)],
            pass_fds=[file.fileno()],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TRIAL_SECONDS,
            check=False,
        )
    if tried.returncode:
        raise OSError("the compiled library does not load")


def _private_file(code: bytes) -> IO[bytes]:
    """An open file without a name, in memory if possible, because a disk may forbid programs."""
    if hasattr(os, "memfd_create"):
        file: IO[bytes] = os.fdopen(os.memfd_create("stylenet-kernels"), "w+b")
    else:
        file = tempfile.TemporaryFile()  # noqa: SIM115  the caller closes it
    file.write(code)
    file.flush()
    return file


def _path(file: IO[bytes]) -> str:
    return f"/proc/self/fd/{file.fileno()}"
