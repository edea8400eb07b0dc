"""How many threads may run at once here."""

from __future__ import annotations

import math
import os
from pathlib import Path

from stylenet.system import cgroup


def usable_cpus(root: Path = cgroup.ROOT) -> int:
    """The CPUs that this process may use, at least 1.

    They are those that it may run on, no more than the quota of its control group, rounded up, nor
    than `$OMP_NUM_THREADS`.

    Args:
        root: where ``proc`` and ``sys`` are.
    """
    try:
        count = len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        count = os.cpu_count() or 1
    quota = cgroup.cpu_quota(root)
    wish = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()  # one for each nested level
    limits = [count]
    if quota is not None:
        limits.append(math.ceil(quota))
    if wish.isdecimal():
        limits.append(int(wish))
    return max(1, min(limits))
