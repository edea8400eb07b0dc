"""Reading the config in the folder of a run. The file may be damaged."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import yaml

from stylenet.system.special_files import refuse_special

CONFIG = "config.yaml"

_MOVED = {
    "stylenet.homage.": "stylenet.styles.homage.",
    "stylenet.loggers.": "stylenet.callbacks.loggers.",
    "stylenet.sweeps.": "stylenet.runs.sweeps.",
    "stylenet.tasks.muon.": "stylenet.optim.muon.",
    "stylenet.tasks.schedule.": "stylenet.optim.schedule.",
}
"""Former → present starts of names of classes and functions, for configs of earlier versions."""

_MOST_VALUES = 100_000
"""The most values in a config. Shipped configs have a few hundred. YAML references can multiply
values without end."""


def read_config(folder: Path) -> dict[str, Any] | None:
    """The config in `folder`; None if it is missing or damaged."""
    try:
        refuse_special(folder / CONFIG)
        content = yaml.safe_load((folder / CONFIG).read_text())
        if not isinstance(content, dict) or next(islice(leaves(content), _MOST_VALUES, None), None):
            return None
    except Exception:  # the parser raises errors of many kinds
        return None
    renamed: dict[str, Any] = _renamed(content)
    return renamed


def _renamed(value: Any) -> Any:
    """`value` with the present names in place of the former names in ``_target_``."""
    if isinstance(value, list):
        return [_renamed(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _present_name(inner) if key == "_target_" else _renamed(inner)
        for key, inner in value.items()
    }


def _present_name(target: Any) -> Any:
    for before, now in _MOVED.items():
        if isinstance(target, str) and target.startswith(before):
            return now + target.removeprefix(before)
    return target


def leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every value without parts, with its dotted key. Numbers stand for places in lists."""
    if isinstance(value, dict | list) and value:
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in items:
            yield from leaves(inner, f"{name}.{key}" if name else str(key))
    else:
        yield name, value
