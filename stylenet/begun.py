"""A resumed run goes on as it was begun, on whatever hardware and with whatever is new since."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf

_CHOSEN_HERE = "${hardware:"
_OF_THE_MACHINE = frozenset({"trainer.accelerator", "data.workers"})


def as_begun(cfg: DictConfig, saved: Path) -> DictConfig:
    """`cfg` with the values that a run was begun with where nobody has asked for others.

    These are values that would be chosen by the hardware found, such as sizes, widths and steps,
    except where it computes, and the commit of a dataset on the hub.

    Args:
        cfg: not yet resolved. saved: the run's config file; nothing is taken from a damaged one.
    """
    try:
        before = yaml.safe_load(saved.read_bytes())
    except (OSError, ValueError, yaml.YAMLError):
        return cfg
    cfg = cfg.copy()
    for name, value in _leaves(OmegaConf.to_container(cfg, resolve=False)):
        is_open = (isinstance(value, str) and _CHOSEN_HERE in value) or (
            value is None and name.endswith(".revision")
        )
        found = _at(before, name)
        if is_open and name not in _OF_THE_MACHINE and isinstance(found, str | int | float):
            OmegaConf.update(cfg, name, found)
    return cfg


def _leaves(part: Any, name: str = "") -> list[tuple[str, Any]]:
    if not isinstance(part, dict):
        return [(name, part)]
    inner = ((f"{name}.{key}" if name else str(key), value) for key, value in part.items())
    return [leaf for key, value in inner for leaf in _leaves(value, key)]


def _at(config: Any, name: str) -> Any:
    """The value of a dotted key; None where there is none."""
    for key in name.split("."):
        config = config.get(key) if isinstance(config, dict) else None
    return config
