"""Memory: how much is free, a clear error instead of a killed process, reuse of freed blocks."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from stylenet.system import cgroup
from stylenet.system.errors import UserError

_MESSAGES = ("allocate memory", "out of memory", "bad allocation", "bad_alloc")
"""Parts of the messages for a failed allocation: PyTorch's on CPU and GPU, onnxruntime's."""

_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1
"""Numbers of the options of glibc's ``mallopt``."""

_LARGEST_THRESHOLD = 1 << 25
"""The highest threshold that glibc takes, in bytes. Larger blocks return to the system at once."""

_PICTURE = 1 << 18
"""Bytes of the smallest blocks that a service returns: those of pictures from 295x295 pixels up."""

_NEVER = 2**31 - 1
"""Bytes of free memory that glibc may keep at the heap's end: more than the heap ever has."""


def keep_freed_memory() -> None:
    """Make glibc keep freed blocks of memory for later use.

    A training allocates and frees the same tensors at every step. By default glibc returns large
    blocks to the system. The system must then find and clear new pages: some 8000 at each step of
    the default training, which takes a tenth of its time. Without glibc this function does nothing.
    """
    _set_malloc({_MMAP_THRESHOLD: _LARGEST_THRESHOLD, _TRIM_THRESHOLD: _NEVER})


def return_freed_memory() -> None:
    """Make glibc return freed blocks of the size of pictures to the system at once.

    By default glibc keeps blocks in a heap for every few threads, and ever larger blocks once such
    were freed. The heaps of a service, whose threads handle pictures of many sizes, then grow for
    hours. Without glibc this function does nothing.
    """
    _set_malloc({_MMAP_THRESHOLD: _PICTURE})


def _set_malloc(options: Mapping[int, int]) -> None:
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        for option, value in options.items():
            mallopt(option, value)


def ran_out(error: BaseException) -> bool:
    """Whether `error` is a failed allocation, on the CPU or a GPU."""
    return isinstance(error, MemoryError) or any(word in str(error) for word in _MESSAGES)


@contextmanager
def out_of_memory_names(thing: object, mend: str) -> Iterator[None]:
    """Turn a failed allocation, on the CPU or a GPU, into a `UserError` that names `thing`."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not ran_out(error):
            raise
        raise UserError(f"{thing} needs more memory than there is; {mend}") from None


@contextmanager
def limit_memory() -> Iterator[None]:
    """Make an allocation fail if it exceeds the free memory of the system or the control group.

    By default Linux grants the allocation and kills the process once it uses the memory. On other
    systems this function does nothing.
    """
    if sys.platform != "linux":
        yield
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = free_memory() + _bytes("/proc/self/status", "VmData")
    limit = min(x for x in (most, soft, hard) if x != resource.RLIM_INFINITY)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def free_memory(root: Path = cgroup.ROOT) -> int:
    """Bytes that this process may still take (Linux only).

    It is the system's free memory, or the memory that the control group still allows if less.

    Args:
        root: where ``proc`` and ``sys`` are.
    """
    available = _bytes(root / "proc/meminfo", "MemAvailable")
    limited = cgroup.free_memory(root)
    return available if limited is None else min(available, limited)


def peak_memory() -> float | None:
    """The peak memory of this process in MiB; None on systems other than Linux."""
    if sys.platform != "linux":
        return None
    return _bytes("/proc/self/status", "VmHWM") / 2**20


def _bytes(file: str | Path, key: str) -> int:
    """The bytes in a line such as ``VmData:  808084 kB``."""
    line = next(line for line in Path(file).read_text().splitlines() if line.startswith(f"{key}:"))
    return int(line.split()[1]) * 1024
