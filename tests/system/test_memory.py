"""Memory that runs out is an error with a name, and no other error is taken for one."""

import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from stylenet.system.errors import UserError
from stylenet.system.memory import limit_memory, out_of_memory_names

TERABYTES = 10**13

CHURN = """
import resource, torch
from stylenet.system.memory import keep_freed_memory
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def churn():
    [torch.ones(6_000_000) for _ in range(4)]  # all held at once: 96 MB, 23 000 pages
keep_freed_memory()
for _ in range(5):
    churn()  # until blocks lie where they stay
before = faults()
for _ in range(5):
    churn()
print(faults() - before)
"""


SHED = """
from pathlib import Path
import numpy as np
from stylenet.system.memory import return_freed_memory
held = lambda: int(Path("/proc/self/statm").read_text().split()[1]) * 4096
return_freed_memory()
before = held()
np.ones(8_000_000, np.uint8)  # glibc alone would keep blocks up to this size from now on
blocks = [np.ones(2_000_000, np.uint8) for _ in range(50)]
last = blocks.pop()
del blocks
print(held() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's settings")
def test_a_service_gives_the_memory_of_pictures_back():
    """Without, the loop leaves 100 MB behind."""
    done = subprocess.run([sys.executable, "-c", SHED], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 10_000_000


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's settings")
def test_freed_memory_serves_again():
    """Without, the same loop costs some 100 000 page faults."""
    done = subprocess.run([sys.executable, "-c", CHURN], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 2000


@pytest.mark.parametrize("allocate", [torch.empty, np.empty])
def test_failed_allocation_names_the_thing_and_the_mend(allocate):
    message = "a.png needs more memory than there is; shrink it"
    with pytest.raises(UserError, match=message), out_of_memory_names("a.png", "shrink it"):
        allocate(TERABYTES)


def test_other_errors_pass_through():
    with pytest.raises(RuntimeError, match="shape"), out_of_memory_names("a.png", "shrink it"):
        raise RuntimeError("wrong shape")


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is for Linux")
def test_memory_is_refused_before_it_runs_out():
    before = resource.getrlimit(resource.RLIMIT_DATA)
    total = 1024 * int(Path("/proc/meminfo").read_text().split("MemTotal:")[1].split()[0])
    with limit_memory(), pytest.raises(MemoryError):  # blocks not touched take no memory
        _ = [np.empty(total // 8, np.uint8) for _ in range(12)]
    assert resource.getrlimit(resource.RLIMIT_DATA) == before
