"""Settings that a resumed run keeps from its start, although hardware or datasets have changed."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from stylenet.runs.saved_config import leaves, read_config

_BY_HARDWARE = "${hardware:"
_KEYS_OF_THE_MACHINE = frozenset({"trainer.accelerator", "data.workers"})


def as_begun(cfg: DictConfig, run: Path) -> DictConfig:
    """`cfg` with the values that the run was started with, for all values that the user left open.

    Two kinds of values are open: values chosen by the hardware, such as sizes, widths and steps,
    and the commit of a dataset on the hub. The accelerator and the number of workers belong to the
    machine, so the run does not keep them.

    Args:
        cfg: the config, not yet resolved.
        run: the run's folder. A damaged config in it is ignored.
    """
    before = dict(leaves(read_config(run) or {}))
    cfg = cfg.copy()
    for name, value in leaves(OmegaConf.to_container(cfg, resolve=False)):
        is_open = (isinstance(value, str) and _BY_HARDWARE in value) or (
            value is None and name.endswith(".revision")
        )
        found = before.get(name)
        if is_open and name not in _KEYS_OF_THE_MACHINE and isinstance(found, str | int | float):
            OmegaConf.update(cfg, name, found)
    return cfg
