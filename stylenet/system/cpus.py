"""How many threads may run at once."""

from __future__ import annotations

import math
import os
from pathlib import Path

from stylenet.system import cgroup


def usable_cpus(root: Path = cgroup.ROOT) -> int:
    """The number of CPUs that this process may use, at least 1.

    It is the least of three numbers: the CPUs that the process may run on, the quota of its
    control group, rounded up, and `$OMP_NUM_THREADS`.

    Args:
        root: where ``proc`` and ``sys`` are.
    """
    try:
        count = len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        count = os.cpu_count() or 1
    quota = cgroup.cpu_quota(root)
    wish = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()  # one per level
    limits = [count]
    if quota is not None:
        limits.append(math.ceil(quota))
    if wish.isdecimal():
        limits.append(int(wish))
    return max(1, min(limits))
