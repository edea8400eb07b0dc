"""The config that a run has left in its folder, read back with the doubt that files deserve."""

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
"""Where classes and functions went that earlier versions kept elsewhere, by the start of a name."""

_MOST = 100_000
"""Values in a config; shipped ones have a few hundred. References in YAML can make any number."""


def read_config(folder: Path) -> dict[str, Any] | None:
    """The config that was left in `folder`; None where it is missing or damaged."""
    try:
        refuse_special(folder / CONFIG)
        content = yaml.safe_load((folder / CONFIG).read_text())
        if not isinstance(content, dict) or next(islice(leaves(content), _MOST, None), None):
            return None
    except Exception:  # on other files the parser raises errors of many kinds
        return None
    renamed: dict[str, Any] = _renamed(content)
    return renamed


def _renamed(value: Any) -> Any:
    """`value` with today's names of what a ``_target_`` in it calls by a former one."""
    if isinstance(value, list):
        return [_renamed(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _today(inner) if key == "_target_" else _renamed(inner) for key, inner in value.items()
    }


def _today(target: Any) -> Any:
    for before, now in _MOVED.items():
        if isinstance(target, str) and target.startswith(before):
            return now + target.removeprefix(before)
    return target


def leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that holds no others, by its dotted key; places in lists are numbers."""
    if isinstance(value, dict | list) and value:
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in items:
            yield from leaves(inner, f"{name}.{key}" if name else str(key))
    else:
        yield name, value
