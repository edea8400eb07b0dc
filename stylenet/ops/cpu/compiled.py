"""The compiled kernels, compiled once for this processor and kept in the cache."""

from __future__ import annotations

import logging
import subprocess
from ctypes import CDLL
from functools import cache
from hashlib import sha256
from pathlib import Path

import torch
from torch import Tensor

from stylenet.ops.cpu import compiler, kept
from stylenet.ops.cpu.compiler import SOURCES, NotCompiledError
from stylenet.ops.cpu.kept import DistrustedError
from stylenet.ops.cpu.loading import load, try_to_load
from stylenet.system.cache_folder import cache_dir

_log = logging.getLogger(__name__)

PROCESSORS = Path("/proc/cpuinfo")

TYPES = (torch.float32, torch.bfloat16)
"""Types of the tensors that the kernels take."""


def usable(x: Tensor) -> bool:
    """Whether the kernels take `x`: float32 or bfloat16 on a CPU, no ONNX export, no compiling."""
    return (
        x.device.type == "cpu"
        and x.dtype in TYPES
        and not torch.onnx.is_in_onnx_export()
        and not torch.compiler.is_compiling()
        and library() is not None
    )


def kernels() -> CDLL:
    """The loaded library. Call this only if `usable` is true."""
    loaded = library()
    assert loaded is not None
    return loaded


@cache
def library() -> CDLL | None:
    """The loaded kernels. None, with a warning, if torch has to do their work.

    The kernels need Linux, a processor with AVX2 or AVX-512, and a C compiler: `$CC`, gcc, cc or
    clang. Compiling takes a second. The name of the result depends on the sources, the compiler and
    the processor, because several machines may share the cache.
    """
    capable = torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512")
    try:
        if not capable or not PROCESSORS.exists():
            raise NotCompiledError("the compiled kernels need Linux and a processor with AVX2")
        return load(_kept_or_compiled(compiler.find_compiler()))
    except NotCompiledError as error:
        reason = str(error)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        reason = f"the kernels could not be compiled: {error}"
    _log.warning("%s; nets on the CPU take up to twice as long", reason)
    return None


def _kept_or_compiled(command: list[str]) -> bytes:
    folder, key = cache_dir() / "kernels", _key(command)
    try:
        if code := kept.fetch(folder, key):
            return code
    except DistrustedError as distrusted:
        _log.warning("%s; the kernels are compiled again", distrusted)
    code = compiler.compile_kernels(command)
    try_to_load(code)
    kept.keep(folder, key, code)
    return code


def _key(command: list[str]) -> str:
    """A key for the result of compiling: sources, command, flags and processor."""
    code = [source.read_bytes() for source in sorted(SOURCES.glob("*.[ch]"))]
    features = {line for line in PROCESSORS.read_text().splitlines() if line.startswith("flags")}
    made_of = (code, command, compiler.FLAGS, sorted(features))
    return sha256(repr(made_of).encode()).hexdigest()[:16]
