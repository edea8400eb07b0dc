"""torch's threads beside other programs: no more than may run, and asleep while they wait.

The threads of a parallel loop wait for its slowest, and then for the next loop. GNU's OpenMP, which
torch and the kernels use, lets them spin for some milliseconds first, which is fastest as long as
each has a CPU. Beside a busy program it keeps the slowest from a CPU: a training then took three to
twenty times as long. So where threads are found to queue for CPUs, waiting ones sleep at once.
"""

from __future__ import annotations

import ctypes
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from stylenet.system.cgroup import cpu_quota
from stylenet.system.cpus import usable_cpus

LOOK = 0.2
"""Seconds over which it is found out whether threads queue."""

CROWDED = 0.15
"""Seconds in a second that threads, all together, queue for CPUs. Alone it is some 0.01; beside one
busy process it is more than 0.5. Sleeping at once costs a tenth to a quarter of the speed alone."""

REST = (0.5, 8.0)
"""Seconds before threads spin again for a look, at first and at most: each time twice as long. A
look takes part of them at the slow speed, and how threads queue while they sleep does not tell."""

_CPUS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
"""What OpenMP, loaded by torch, compares its threads with; their number may change later."""

_MOST = 64
"""Threads that `asleep` may start; they take address space."""

_TASKS = Path("/proc/self/task")


def share_cpus() -> None:
    """Let torch, and the kernels with it, get on with other programs, from now on.

    torch minds neither the quota of a control group nor, always, which CPUs it may run on.
    `$OMP_WAIT_POLICY` and `$GOMP_SPINCOUNT` say how threads wait where they are set.
    """
    if usable_cpus() < torch.get_num_threads():
        torch.set_num_threads(usable_cpus())
    chosen = os.environ.keys() & {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"}
    running = any(thread.name == _watch.__name__ for thread in threading.enumerate())
    if torch.get_num_threads() > 1 and _TASKS.exists() and not chosen and not running:
        threading.Thread(target=_watch, name=_watch.__name__, daemon=True).start()


@contextmanager
def asleep() -> Iterator[None]:
    """Let waiting threads sleep at once; do nothing where OpenMP is not GNU's.

    Its threads do so when there are more of them than CPUs. So this starts more, which do nothing.
    They belong to a thread of Python, and end with it.
    """
    start = getattr(ctypes.CDLL(None), "GOMP_parallel", None)
    count = _CPUS - torch.get_num_threads() + 2  # one of them is Python's own
    if start is None or count > _MOST:
        yield
        return
    started, ended = threading.Event(), threading.Event()
    nothing = ctypes.CDLL(None).free  # of a null pointer

    def crowd() -> None:
        start(ctypes.cast(nothing, ctypes.c_void_p), None, ctypes.c_uint(count), ctypes.c_uint(0))
        started.set()
        ended.wait()

    thread = threading.Thread(target=crowd, daemon=True)
    thread.start()
    started.wait()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _watch() -> None:
    quota = cpu_quota()
    if quota is not None and quota < torch.get_num_threads():
        with asleep():  # who spins uses the quota up
            threading.Event().wait()
    rest, longest = REST
    while True:
        if _queueing() < CROWDED:
            rest = REST[0]
            continue
        with asleep():
            time.sleep(rest)
        rest = min(2 * rest, longest)


def _queueing() -> float:
    """Seconds in a second, from now on, that threads queue for CPUs."""
    before, start = _queued(), time.monotonic()
    time.sleep(LOOK)
    return (_queued() - before) / (time.monotonic() - start)


def _queued() -> float:
    """Seconds that the threads of this process, all together, have waited for a CPU to run on."""
    total = 0
    for task in _TASKS.iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[1])
        except (OSError, IndexError):  # it has ended; Linux may be built without
            continue
    return total / 1e9
