"""The C sources of this package, compiled once for this very processor and kept in the cache."""

from __future__ import annotations

import logging
import os
import shlex
import shutil
import subprocess
import tempfile
from contextlib import suppress
from ctypes import CDLL, c_void_p
from functools import cache
from hashlib import sha256
from pathlib import Path

import torch
from torch import Tensor

from stylenet.cache import cache_dir

_log = logging.getLogger(__name__)

SOURCES = Path(__file__).parent
COMPILERS = (["gcc"], ["cc"], ["clang"])
FLAGS = ("-O3", "-march=native", "-mprefer-vector-width=512", "-fopenmp", "-shared", "-fPIC")
PROCESSORS = Path("/proc/cpuinfo")

TYPES = (torch.float32, torch.bfloat16)
"""Of the tensors that the kernels take."""


def usable(x: Tensor) -> bool:
    """Whether the kernels take `x`: float32 or bfloat16 on a CPU, neither exported nor traced."""
    return (
        x.device.type == "cpu"
        and x.dtype in TYPES
        and not torch.onnx.is_in_onnx_export()
        and not torch.compiler.is_compiling()
        and library() is not None
    )


def kernels() -> CDLL:
    """The loaded library, where `usable` has said that there is one."""
    loaded = library()
    assert loaded is not None
    return loaded


def address(tensor: Tensor | None) -> c_void_p:
    """A pointer to the first element, or to nothing."""
    return c_void_p(None if tensor is None else tensor.data_ptr())


@cache
def library() -> CDLL | None:
    """The kernels, loaded; None, with a warning, where torch has to do their work.

    They take Linux, a processor with AVX2 or AVX-512 and a C compiler: `$CC`, gcc, cc or clang.
    Compiling takes a second. The result is kept under a name that says sources, compiler and
    processor, as another machine may share the cache.
    """
    if torch.backends.cpu.get_cpu_capability() not in ("AVX2", "AVX512") or not PROCESSORS.exists():
        _warn("the compiled kernels are for Linux and processors with AVX2")
        return None
    try:
        chosen = shlex.split(os.environ.get("CC", ""))
    except ValueError as error:
        _warn(f"the kernels could not be compiled: CC is no command ({error})")
        return None
    named = [chosen] if chosen else COMPILERS
    compiler = next((command for command in named if shutil.which(command[0])), None)
    if compiler is None:
        _warn(f"no C compiler ({', '.join(command[0] for command in named)}) found; install gcc")
        return None
    code = [source.read_bytes() for source in sorted(SOURCES.glob("*.[ch]"))]
    features = {line for line in PROCESSORS.read_text().splitlines() if line.startswith("flags")}
    key = sha256(repr((code, compiler, FLAGS, sorted(features))).encode()).hexdigest()[:16]
    kept = cache_dir() / "kernels" / f"{key}.so"
    try:
        return CDLL(str(kept))
    except OSError:  # not there yet, or damaged
        return _compile(compiler, kept)


def _compile(compiler: list[str], kept: Path) -> CDLL | None:
    try:
        with tempfile.TemporaryDirectory() as folder:
            built = Path(folder) / kept.name
            command = [*compiler, *FLAGS, *map(str, SOURCES.glob("*.c")), "-o", str(built)]
            subprocess.run(command, check=True, capture_output=True, text=True)
            _keep(built, kept)
            # From the cache rather than a temporary folder, where programs are often forbidden.
            return CDLL(str(kept if kept.exists() else built))
    except subprocess.CalledProcessError as error:
        reason = (error.stderr.strip() or f"it ended with {error.returncode}").splitlines()[0]
        _warn(f"{compiler[0]} cannot compile the kernels: {reason}")
    except OSError as error:
        _warn(f"the kernels could not be compiled: {error}")
    return None


def _warn(reason: str) -> None:
    _log.warning("%s; nets on the CPU take up to twice as long", reason)


def _keep(built: Path, kept: Path) -> None:
    """Move into the cache in one go; a cache that cannot be written is none."""
    part = kept.with_suffix(f".{os.getpid()}")
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(built, part)
        part.replace(kept)
    except OSError:
        with suppress(OSError):
            part.unlink()
