"""The CPU time and memory that Linux control groups (cgroups, versions 1 and 2) allow.

The limit of a group also holds for all groups inside it. So the lowest limit between the group of
the process and the topmost group counts. A container sees its own group as the topmost.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

ROOT = Path("/")


def cpu_quota(root: Path = ROOT) -> float | None:
    """CPU time that the process may take, in CPUs (0.5: half of one); None without a limit.

    Args:
        root: where ``proc`` and ``sys`` are.
    """
    quotas = []
    for folder in _groups(root, "cpu"):
        with suppress(OSError, ValueError, IndexError, ZeroDivisionError):
            if (folder / "cpu.max").exists():  # "50000 100000", "max 100000"
                share, period = (folder / "cpu.max").read_text().split()[:2]
            else:
                share = (folder / "cpu.cfs_quota_us").read_text()  # -1 for none
                period = (folder / "cpu.cfs_period_us").read_text()
            if share != "max" and int(share) > 0:
                quotas.append(int(share) / int(period))
    return min(quotas, default=None)


def free_memory(root: Path = ROOT) -> int | None:
    """Bytes that the process may take before it meets its limit; None without a limit.

    The system's cache of files counts as free, because the system drops it when memory is needed.

    Args:
        root: where ``proc`` and ``sys`` are.
    """
    free = []
    for folder in _groups(root, "memory"):
        limits = [
            limit
            for name in ("memory.max", "memory.high", "memory.limit_in_bytes")
            if (limit := _read_number(folder / name)) is not None
        ]
        used = _read_number(folder / "memory.current")
        used = _read_number(folder / "memory.usage_in_bytes") if used is None else used
        if limits and used is not None:
            free.append(max(0, min(limits) - max(0, used - _cached_files(folder))))
    return min(free, default=None)


def _read_number(file: Path) -> int | None:
    """The number in a file such as ``memory.max``; None for ``max`` or a missing file."""
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None


def _cached_files(folder: Path) -> int:
    """Bytes of a group that cache the contents of files."""
    try:
        lines = (folder / "memory.stat").read_text().splitlines()
        counts = {name: int(value) for name, value in (line.split() for line in lines)}
    except (OSError, ValueError):
        return 0
    # Version 1 counts a group without the groups inside it. Its total_… counts include them.
    prefix = "total_" if "total_inactive_file" in counts else ""
    return sum(counts.get(f"{prefix}{kind}_file", 0) for kind in ("inactive", "active"))


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """The folders of the groups whose limits on `controller` hold for this process."""
    for mount, top, at in _mounts(root, controller):
        inside = at.relative_to(top) if at.is_relative_to(top) and ".." not in at.parts else Path()
        folder = mount / inside
        yield folder
        yield from folder.parents[: len(inside.parts)]


def _mounts(root: Path, controller: str) -> Iterator[tuple[Path, Path, Path]]:
    """For each hierarchy: its folder, the group mounted there, and the group of the process."""
    try:
        mounts = (root / "proc/self/mountinfo").read_text().splitlines()
        groups = (root / "proc/self/cgroup").read_text().splitlines()
    except (OSError, ValueError):
        return
    places = [line.split(":", 2) for line in groups if line.count(":") >= 2]
    for line in mounts:
        before, _, after = line.partition(" - ")
        fields, (kind, *rest) = before.split(), after.split() or [""]
        if len(fields) < 5 or kind not in ("cgroup", "cgroup2"):
            continue
        options = rest[-1].split(",") if rest else []
        for _, controllers, at in places:
            if kind == "cgroup2":  # one hierarchy for all controllers, listed without names
                holds = not controllers
            else:
                holds = controller in controllers.split(",") and controller in options
            if holds:
                yield root / _unescaped(fields[4]).relative_to("/"), _unescaped(fields[3]), Path(at)


def _unescaped(field: str) -> Path:
    r"""The path in a field of mountinfo, where a space is written ``\040``."""
    return Path(re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), field))
