"""Composing the config of a training out of the files in ``conf``."""

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
    {"style", "net", "loss", "task", "data", "trainer", "callbacks", "logger"}
    | {"seed", "init", "ckpt", "run", "score", "scene"}
)
"""Top-level keys of the config of a training."""


@contextmanager
def initialised() -> Iterator[None]:
    """Hydra as it is or, where it has come to its end, anew."""
    if GlobalHydra.instance().is_initialized():
        yield
    else:
        with initialize_config_dir(str(FOLDER.resolve()), version_base="1.3"):
            yield


def reference(
    overrides: Sequence[str], name: str = "train", resolved: bool = True
) -> dict[str, Any]:
    """The config with the choices of `overrides`, but not their values.

    Hydra must be initialised.

    Args:
        name: of the config. resolved: all values are final.
    """
    kept = [override for override in overrides if _chooses(override)]
    device = "trainer.accelerator=cpu"  # others may not be here
    try:
        cfg = compose(name, [*kept, device])
    except (HydraException, OmegaConfBaseException):  # choices that go with a value
        cfg = compose(name, [device])
    content = OmegaConf.to_container(cfg, resolve=resolved)
    assert isinstance(content, dict)
    return {str(key): value for key, value in content.items()}


def choices(group: str) -> list[str]:
    """The choices of a config group; none where `group` is a key."""
    return list(GlobalHydra.instance().config_loader().get_group_options(group) or [])


def _chooses(override: str) -> bool:
    """Whether `override` makes one choice in a config group of what is trained."""
    read = parsed(override)
    if read is None or read.is_delete() or read.is_sweep_override():
        return False
    group = str(read.key_or_group)
    return not group.startswith("hydra") and bool(choices(group))
