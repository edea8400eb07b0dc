"""A resumed run goes on as it was begun, on whatever hardware and with whatever is new since."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from stylenet.runs.saved_config import leaves, read_config

_CHOSEN_HERE = "${hardware:"
_OF_THE_MACHINE = frozenset({"trainer.accelerator", "data.workers"})


def as_begun(cfg: DictConfig, run: Path) -> DictConfig:
    """`cfg` with the values that a run was begun with where nobody has asked for others.

    These are values that would be chosen by the hardware found, such as sizes, widths and steps,
    except where it computes, and the commit of a dataset on the hub.

    Args:
        cfg: not yet resolved. run: the run's folder; nothing is taken from a damaged config.
    """
    before = dict(leaves(read_config(run) or {}))
    cfg = cfg.copy()
    for name, value in leaves(OmegaConf.to_container(cfg, resolve=False)):
        is_open = (isinstance(value, str) and _CHOSEN_HERE in value) or (
            value is None and name.endswith(".revision")
        )
        found = before.get(name)
        if is_open and name not in _OF_THE_MACHINE and isinstance(found, str | int | float):
            OmegaConf.update(cfg, name, found)
    return cfg
