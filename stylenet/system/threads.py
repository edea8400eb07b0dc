"""torch's threads beside other programs: no more threads than CPUs, asleep while they wait.

The threads of a parallel loop wait for the slowest thread, and then for the next loop. torch and
the kernels use GNU's OpenMP, whose waiting threads spin for some milliseconds. Spinning is fastest
if each thread has a CPU. Beside a busy program, spinning threads keep the slowest thread from a
CPU: a training then took three to twenty times as long. So if threads queue for CPUs, this module
makes waiting threads sleep at once.
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
"""Seconds of one measurement of whether threads queue for CPUs."""

CROWDED = 0.15
"""Seconds per second that all threads together queue for CPUs, from which on they should sleep.
Without other programs it is some 0.01, beside one busy process more than 0.5. Without other
programs, sleeping at once costs a tenth to a quarter of the speed."""

REST = (0.5, 8.0)
"""Seconds of sleep before the next measurement: the first and the longest. They double each time.
Threads must spin to be measured, which is slow beside a busy program."""

_CPUS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
"""The number of CPUs that OpenMP, loaded by torch, compares its threads with. The number of usable
CPUs may change later."""

_MOST_THREADS = 64
"""The most threads that `asleep` may start, because each takes address space."""

_TASKS = Path("/proc/self/task")


def share_cpus() -> None:
    """Make torch and the kernels share the CPUs with other programs from now on.

    torch ignores the quota of a control group, and sometimes the CPUs that it may run on. If
    `$OMP_WAIT_POLICY` or `$GOMP_SPINCOUNT` is set, it alone decides how threads wait.
    """
    if usable_cpus() < torch.get_num_threads():
        torch.set_num_threads(usable_cpus())
    chosen = os.environ.keys() & {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"}
    running = any(thread.name == _watch.__name__ for thread in threading.enumerate())
    if torch.get_num_threads() > 1 and _TASKS.exists() and not chosen and not running:
        threading.Thread(target=_watch, name=_watch.__name__, daemon=True).start()


@contextmanager
def asleep() -> Iterator[None]:
    """Make waiting threads sleep at once. If OpenMP is not GNU's, do nothing.

    GNU's threads sleep at once if there are more threads than CPUs. So this function starts idle
    threads. They belong to a Python thread and end with it.
    """
    start = getattr(ctypes.CDLL(None), "GOMP_parallel", None)
    count = _CPUS - torch.get_num_threads() + 2  # one thread of the count is Python's own
    if start is None or count > _MOST_THREADS:
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
        with asleep():  # spinning would use up the quota
            threading.Event().wait()
    rest, longest = REST
    while True:
        if _queueing_rate() < CROWDED:
            rest = REST[0]
            continue
        with asleep():
            time.sleep(rest)
        rest = min(2 * rest, longest)


def _queueing_rate() -> float:
    """Measure for `LOOK` seconds how long threads queue for CPUs, in seconds per second."""
    before, start = _queued_seconds(), time.monotonic()
    time.sleep(LOOK)
    return (_queued_seconds() - before) / (time.monotonic() - start)


def _queued_seconds() -> float:
    """Seconds that all threads of this process together have waited for a CPU so far."""
    total = 0
    for task in _TASKS.iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[1])
        except (OSError, IndexError):  # the thread has ended, or Linux keeps no schedstat
            continue
    return total / 1e9
