"""Threads that wait spin while there is room, and sleep at once beside others."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

from stylenet.system import threads

SCHEDSTAT = Path("/proc/self/schedstat")

pytestmark = pytest.mark.skipif(
    not SCHEDSTAT.exists() or not hasattr(os, "sched_getaffinity"), reason="Linux tells"
)

# How often threads go to sleep in a parallel loop: twice if at once, hardly ever if they spin.
SCRIPT = """
import json, os, time
from pathlib import Path
import torch
from stylenet.system import threads

def tasks():
    return list(Path("/proc/self/task").iterdir())

def slept():
    lines = [line for task in tasks() for line in (task / "status").read_text().splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith("voluntary"))

def sleeps(loops=200):
    numbers, before = torch.zeros(1 << 17), slept()
    for _ in range(loops):
        numbers.add_(1)
        end = time.perf_counter() + 1e-4  # meanwhile the others wait
        while time.perf_counter() < end:
            pass
    return (slept() - before) / loops

torch.set_num_threads(2)
torch.zeros(1 << 17).add_(1)
found, count = {"spinning": sleeps()}, len(tasks())
with threads.asleep():
    found["asleep"] = sleeps()
end = time.monotonic() + 10
while len(tasks()) > count and time.monotonic() < end:
    time.sleep(0.01)
found["left"] = len(tasks()) - count
found["again"] = sleeps()
threads.share_cpus()
threads.share_cpus()
one = {min(os.sched_getaffinity(0))}
for task in tasks():
    os.sched_setaffinity(int(task.name), one)  # now they have to queue
end = time.monotonic() + 20
while (crowded := sleeps(20)) < 1 and time.monotonic() < end:
    pass
found["crowded"] = crowded
print(json.dumps(found))
"""


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one CPU is always crowded")
def test_threads_sleep_at_once_where_they_queue():
    chosen = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
    environment = {name: value for name, value in os.environ.items() if name not in chosen}
    for _ in range(5):  # other programs may disturb it
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        found = json.loads(done.stdout)
        spun = max(found["spinning"], found["again"]) < 0.5
        if spun and min(found["asleep"], found["crowded"]) >= 1 and found["left"] == 0:
            return
    pytest.fail(f"never as it should be: {found}")


@pytest.mark.parametrize("name", ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT", None])
def test_who_says_how_threads_wait_is_obeyed(name: str | None, monkeypatch: pytest.MonkeyPatch):
    for each in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "OMP_NUM_THREADS"):
        monkeypatch.delenv(each, raising=False)
    if name:
        monkeypatch.setenv(name, "1")
    monkeypatch.setattr(threading, "enumerate", list)  # another test may have left one
    started: list[str] = []
    monkeypatch.setattr(threading.Thread, "start", lambda thread: started.append(thread.name))
    monkeypatch.setattr(threads, "usable_cpus", lambda: 2)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        threads.share_cpus()
    finally:
        torch.set_num_threads(before)
    assert started == ([] if name else ["_watch"])


@pytest.mark.parametrize(("usable", "expected"), [(1, 1), (2, 2), (8, 3)])
def test_torch_gets_no_more_threads_than_may_run(
    usable: int, expected: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(threads, "usable_cpus", lambda: usable)
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        threads.share_cpus()
        assert torch.get_num_threads() == expected
    finally:
        torch.set_num_threads(before)
