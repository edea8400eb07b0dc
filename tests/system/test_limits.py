"""Threads and memory: no more than the control group leaves, in all the shapes that it comes in."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stylenet.system import cgroup
from stylenet.system.cpus import usable_cpus
from stylenet.system.memory import free_memory

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="control groups are Linux's")

V2 = "25 1 0:22 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup rw,nsdelegate"
CPU = "33 32 0:29 {top} /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct"
MEMORY = "34 32 0:30 {top} /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory"
GIB = 1 << 30
UNLIMITED = 9223372036854771712  # as version 1 says it


def system(root: Path, mounts: str, groups: str, files: dict[str, object]) -> Path:
    """A drawn ``/proc`` and ``/sys``; `files` lie in ``/sys/fs/cgroup``."""
    drawn = {"proc/self/mountinfo": mounts, "proc/self/cgroup": groups}
    drawn |= {f"sys/fs/cgroup/{name}": content for name, content in files.items()}
    drawn["proc/meminfo"] = "MemTotal: 67108864 kB\nMemAvailable: 33554432 kB\n"
    for name, content in drawn.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{content}\n")
    return root


def v1_quota(folder: str, quota: int) -> dict[str, object]:
    return {f"{folder}/cpu.cfs_quota_us": quota, f"{folder}/cpu.cfs_period_us": 100000}


QUOTAS = {
    "v2 container": (V2, "0::/", {"cpu.max": "150000 100000"}, 1.5),
    "v2 none": (V2, "0::/", {"cpu.max": "max 100000"}, None),
    "v2 top, without the file": (V2, "0::/", {}, None),
    "v2 less than one": (V2, "0::/", {"cpu.max": "20000 100000"}, 0.2),
    "v2 the least of nested": (
        V2,
        "0::/a.slice/b.scope",
        {
            "a.slice/b.scope/cpu.max": "max 100000",
            "a.slice/cpu.max": "100000 50000",
            "cpu.max": "300000 100000",
        },
        2.0,
    ),
    "v2 of others": (V2, "0::/a", {"b/cpu.max": "10000 100000", "a/cpu.max": "max 100000"}, None),
    "v2 moved out of its namespace": (V2, "0::/../x", {"cpu.max": "50000 100000"}, 0.5),
    "v1 namespace": (CPU.format(top="/"), "3:cpu,cpuacct:/", v1_quota("cpu,cpuacct", 70000), 0.7),
    "v1 none": (CPU.format(top="/"), "3:cpu,cpuacct:/", v1_quota("cpu,cpuacct", -1), None),
    "v1 container without a namespace": (
        CPU.format(top="/docker/1f"),
        "3:cpu,cpuacct:/docker/1f",
        v1_quota("cpu,cpuacct", 200000),
        2.0,
    ),
    "v1 nested": (
        CPU.format(top="/"),
        "3:cpu,cpuacct:/a/b",
        v1_quota("cpu,cpuacct/a/b", 400000) | v1_quota("cpu,cpuacct/a", 300000),
        3.0,
    ),
    "both": (
        f"{V2.replace('/sys/fs/cgroup', '/sys/fs/cgroup/unified')}\n{CPU.format(top='/')}",
        "3:cpu,cpuacct:/a\n1:name=systemd:/\n0::/a",
        {"unified/a/cgroup.procs": 1} | v1_quota("cpu,cpuacct/a", 50000),
        0.5,
    ),
    "a path with a space": (
        V2.replace("/sys/fs/cgroup ", r"/sys/fs/cgroup/my\040own "),
        "0::/",
        {"my own/cpu.max": "50000 100000"},
        0.5,
    ),
    "garbage": ("\n - \nx - cgroup2\n" + V2, "\n0:\n0::/", {"cpu.max": "many"}, None),
    "no period": (V2, "0::/", {"cpu.max": "50000 0"}, None),
    "no groups": ("", "", {}, None),
}


@pytest.mark.parametrize("drawn", QUOTAS.values(), ids=QUOTAS)
def test_the_quota_is_the_least_of_the_groups(drawn, tmp_path: Path):
    mounts, groups, files, expected = drawn
    assert cgroup.cpu_quota(system(tmp_path, mounts, groups, files)) == expected


def test_a_system_without_groups_has_no_limits(tmp_path: Path):
    assert cgroup.cpu_quota(tmp_path) is None
    assert cgroup.free_memory(tmp_path) is None


@pytest.mark.parametrize(
    ("cpus", "quota", "wish", "expected"),
    [
        (8, "max 100000", "", 8),
        (8, "350000 100000", "", 4),  # rounded up
        (8, "20000 100000", "", 1),
        (2, "350000 100000", "", 2),
        (8, "350000 100000", "2", 2),
        (8, "350000 100000", "16", 4),
        (8, "max 100000", "3,2", 3),
        (8, "max 100000", "0", 1),
        (8, "max 100000", "many", 8),
        (1, "max 100000", "4", 1),
    ],
)
def test_threads_are_the_least_of_affinity_quota_and_wish(
    cpus: int, quota: str, wish: str, expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cpus)))
    monkeypatch.setenv("OMP_NUM_THREADS", wish)
    assert usable_cpus(system(tmp_path, V2, "0::/", {"cpu.max": quota})) == expected


MEMORIES = {
    "v2": ("0::/", {"memory.max": 4 * GIB, "memory.current": GIB}, 3 * GIB),
    "v2 none": ("0::/", {"memory.max": "max", "memory.current": GIB}, None),
    "v2 throttled": (
        "0::/",
        {"memory.max": "max", "memory.high": 2 * GIB, "memory.current": GIB},
        GIB,
    ),
    "v2 files are dropped when needed": (
        "0::/",
        {
            "memory.max": 4 * GIB,
            "memory.current": 4 * GIB,
            "memory.stat": f"anon {GIB}\nfile {3 * GIB}\ninactive_file {GIB}\nactive_file {GIB}",
        },
        2 * GIB,
    ),
    "v2 nested": (
        "0::/a/b",
        {
            "a/b/memory.max": 8 * GIB,
            "a/b/memory.current": GIB,
            "a/memory.max": 4 * GIB,
            "a/memory.current": 3 * GIB,
        },
        GIB,
    ),
    "v2 exceeded": ("0::/", {"memory.max": GIB, "memory.current": 2 * GIB}, 0),
    "v1": (
        "4:memory:/",
        {"memory/memory.limit_in_bytes": 4 * GIB, "memory/memory.usage_in_bytes": GIB},
        3 * GIB,
    ),
    "v1 nested, files of all groups within": (
        "4:memory:/a/b",
        {
            "memory/a/b/memory.limit_in_bytes": UNLIMITED,
            "memory/a/b/memory.usage_in_bytes": GIB,
            "memory/a/memory.limit_in_bytes": 3 * GIB,
            "memory/a/memory.usage_in_bytes": 2 * GIB,
            "memory/a/memory.stat": f"inactive_file 5\ntotal_inactive_file {GIB // 2}",
        },
        3 * GIB // 2,
    ),
}


@pytest.mark.parametrize("drawn", MEMORIES.values(), ids=MEMORIES)
def test_free_memory_is_the_least_of_the_groups_and_the_systems(drawn, tmp_path: Path):
    groups, files, expected = drawn
    root = system(tmp_path, f"{V2}\n{MEMORY.format(top='/')}", groups, files)
    assert cgroup.free_memory(root) == expected
    assert free_memory(root) == (32 * GIB if expected is None else expected)


def test_of_a_large_group_the_system_has_less(tmp_path: Path):
    files = {"memory.max": 64 * GIB, "memory.current": 0}
    assert free_memory(system(tmp_path, V2, "0::/", files)) == 32 * GIB


def test_an_allocation_beyond_the_groups_memory_fails():
    """In another program, as this one may have kept as much memory from tests before."""
    code = """if True:
        import numpy as np
        from stylenet.system import memory
        memory.free_memory = lambda: 200 << 20
        with memory.limit_memory():
            try:
                np.empty(400 << 20, np.uint8)
            except MemoryError:
                print("failed")
    """
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "failed\n"


@pytest.mark.parametrize(
    ("command", "expected"),
    [(["taskset", "-c", str(min(os.sched_getaffinity(0)))], 1), ([], len(os.sched_getaffinity(0)))],
)
def test_affinity_counts(command: list[str], expected: int):
    """Asked for by another program, as it is inherited."""
    code = "from stylenet.system.cpus import usable_cpus; print(usable_cpus())"
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    done = subprocess.run(
        [*command, sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) == expected
