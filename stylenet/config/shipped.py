"""Composing the config of a training from the files in ``conf``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from stylenet.config.folder import FOLDER
from stylenet.config.quoting import parsed

KEYS = frozenset(
    {"style", "net", "loss", "strokes", "task", "data", "trainer", "callbacks", "logger"}
    | {"seed", "init", "ckpt", "name", "run", "score", "scene"}
)
"""Top-level keys of the config of a training."""


@contextmanager
def initialised() -> Iterator[None]:
    """Initialise Hydra within the block, unless it already is."""
    if GlobalHydra.instance().is_initialized():
        yield
    else:
        with initialize_config_dir(str(FOLDER.resolve()), version_base="1.3"):
            yield


def reference(
    overrides: Sequence[str], name: str = "train", resolved: bool = True
) -> dict[str, Any]:
    """The config with the choices of `overrides`, but without their values.

    Hydra must be initialised.

    Args:
        overrides: from the command line.
        name: the name of the config.
        resolved: resolve interpolations, so that all values are final.
    """
    kept = [override for override in overrides if _chooses(override)]
    device = "trainer.accelerator=cpu"  # always present
    try:
        cfg = compose(name, [*kept, device])
    except (HydraException, OmegaConfBaseException):  # a choice that needs one of the values
        cfg = compose(name, [device])
    content = OmegaConf.to_container(cfg, resolve=resolved)
    assert isinstance(content, dict)
    return {str(key): value for key, value in content.items()}


def choices(group: str) -> list[str]:
    """The choices of a config group; empty if `group` is only a key."""
    return list(GlobalHydra.instance().config_loader().get_group_options(group) or [])


def _chooses(override: str) -> bool:
    """Whether `override` chooses from a config group, but not from a group of Hydra's own."""
    read = parsed(override)
    if read is None or read.is_delete() or read.is_sweep_override():
        return False
    group = str(read.key_or_group)
    return not group.startswith("hydra") and bool(choices(group))
