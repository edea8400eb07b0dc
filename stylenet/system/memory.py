"""Running out of memory: a line that names the picture, not a killed process; and memory kept."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stylenet.system import cgroup
from stylenet.system.errors import UserError

_WORDS = ("allocate memory", "out of memory", "bad allocation", "bad_alloc")
"""Of PyTorch on a CPU and on a GPU, and of onnxruntime."""

_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1
"""What glibc's ``mallopt`` calls them."""

_LARGEST = 1 << 25
"""Bytes: the highest threshold that glibc takes. Larger blocks go back to the system at once."""

_NEVER = 2**31 - 1
"""Bytes: more free memory than this at the heap's end would be given back."""


def keep_freed_memory() -> None:
    """Let blocks that are freed wait for the next that need as much.

    A training takes and frees the same tensors at every step. Left alone, glibc gives large ones
    back to the system, which must find and clear their pages anew: some 8000 at each step of the
    default training, a tenth of its time. Where there is no glibc this does nothing.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _LARGEST)
        mallopt(_TRIM_THRESHOLD, _NEVER)


def ran_out(error: BaseException) -> bool:
    """Whether `error` is a failed allocation, on the CPU or a GPU."""
    return isinstance(error, MemoryError) or any(word in str(error) for word in _WORDS)


@contextmanager
def out_of_memory_names(thing: object, mend: str) -> Iterator[None]:
    """Turn a failed allocation, on the CPU or a GPU, into a `UserError` on `thing`."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not ran_out(error):
            raise
        raise UserError(f"{thing} needs more memory than there is; {mend}") from None


@contextmanager
def limit_memory() -> Iterator[None]:
    """Let an allocation beyond the free memory, the system's or the control group's, fail.

    Linux grants it otherwise, and kills the process once it uses the memory. Elsewhere this does
    nothing.
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
    """Bytes that this process may still take (Linux): the system's, or its control group's if less.

    Args:
        root: where ``proc`` and ``sys`` are.
    """
    available = _bytes(root / "proc/meminfo", "MemAvailable")
    limited = cgroup.free_memory(root)
    return available if limited is None else min(available, limited)


def peak_memory() -> float | None:
    """The most memory, in MiB, that this process has held; None where the system does not tell."""
    if sys.platform != "linux":
        return None
    return _bytes("/proc/self/status", "VmHWM") / 2**20


def _bytes(file: str | Path, key: str) -> int:
    """The value of a line such as ``VmData:  808084 kB``."""
    line = next(line for line in Path(file).read_text().splitlines() if line.startswith(f"{key}:"))
    return int(line.split()[1]) * 1024
