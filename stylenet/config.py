"""The configs: where they lie, their resolvers, and the checks Hydra leaves out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra import compose
from hydra.errors import HydraException
from lightning_fabric.utilities.exceptions import MisconfigurationException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from stylenet import hardware
from stylenet.cpus import usable_cpus
from stylenet.errors import UserError, find_user_error
from stylenet.run_folder import run_folder

_PACKAGE = Path(__file__).parent
FOLDER = _PACKAGE / "conf" if (_PACKAGE / "conf").is_dir() else _PACKAGE.parent / "conf"
"""Inside the package when installed from a wheel, beside it in a checkout."""

_CONFIG_ERRORS = (
    *(HydraException, OmegaConfBaseException, MisconfigurationException),
    *(TypeError, ValueError),
)

_OF_SEVERAL_TYPES = frozenset({"trainer.devices", "trainer.deterministic"})
"""Keys that take words or lists, too, such as ``auto``, ``[0,1]`` and ``warn``."""

_COUNTS = frozenset({"trainer.max_steps", "trainer.log_every_n_steps", "callbacks.resume.every"})
"""Keys of steps, of which there must be one."""

_SWEPT_HOW = ("hydra.", "hydra/")
"""Overrides on how jobs are launched, not on what they train."""


@contextmanager
def errors_on_one_line() -> Iterator[None]:
    """Turn what Hydra, Lightning or a class says of a value it cannot take into a `UserError`."""
    try:
        yield
    except _CONFIG_ERRORS as error:
        user_error = find_user_error(error) or find_user_error(error.__context__)
        if user_error:  # raised by a class or a resolver of ours, wrapped by Hydra or OmegaConf
            raise user_error from error
        text = str(error)
        for repetition in ("full_key", "Config search path"):
            text = text.split(repetition)[0]
        raise UserError(f"config: {' '.join(text.split())}") from error


def sweep_folder(overrides: Sequence[str]) -> str:
    """The folder of a multirun: the same command line finds it again.

    Overrides in another order are another multirun: Hydra numbers the jobs by it.

    Args:
        overrides: of the command line, as ``KEY=VALUE,VALUE``.
    """
    what = [override for override in overrides if not override.startswith(_SWEPT_HOW)]
    swept = [o.split("=")[0].split(".")[-1] for o in what if "," in o or o.startswith("sweep=")]
    digest = hashlib.sha256("\n".join(what).encode()).hexdigest()[:8]
    return f"runs/sweeps/{'-'.join([*swept, digest])}"


def resolve(cfg: DictConfig, known: set[str]) -> dict[str, Any]:
    """The config as plain containers, all values final.

    Raises:
        UserError: a top-level key that is not `known` (Hydra takes a misspelled one in an
            experiment file without a word), a missing value or a broken interpolation.
    """
    unknown = sorted(set(map(str, cfg)) - known)
    if unknown:
        raise UserError(f"unknown config key {unknown[0]}; known are {', '.join(sorted(known))}")
    with errors_on_one_line():
        config = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    assert isinstance(config, dict)
    return {str(key): value for key, value in config.items()}


def check_types(config: dict[str, Any], choices: dict[str, str]) -> None:
    """Hold every value against the shipped one: where that is a number, so must it be; and counts.

    Args:
        config: as `resolve` returns it.
        choices: config group → the choice made, from Hydra's runtime.

    Raises:
        UserError: a value of another type, or no step where there must be one.
    """
    groups = [f"{k}={v}" for k, v in choices.items() if v and not k.startswith("hydra/")]
    device = f"trainer.accelerator={config['trainer']['accelerator']}"  # others may not be here
    shipped = OmegaConf.to_container(compose("train", overrides=[*groups, device]), resolve=True)
    checked = [leaf for leaf in _leaves(config) if leaf[0] not in _OF_SEVERAL_TYPES]
    for name, value in checked:
        default: Any = shipped
        for key in name.split("."):
            default = default.get(key) if isinstance(default, dict) else None
        for kind, word in ((bool, "true or false"), ((int, float), "a number")):
            if isinstance(default, kind):
                if not isinstance(value, kind):
                    raise UserError(f"{name}={value} should be {word}, such as {default}")
                break
        if name in _COUNTS and value < 1:
            raise UserError(f"{name}={value} is no step; give 1 or more")


def _leaves(config: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in config.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


# Here, not in a function: the workers of a parallel sweep know no more than what they import.
OmegaConf.register_new_resolver("hardware", hardware.choose, replace=True)
OmegaConf.register_new_resolver("cpus", lambda most: min(most, usable_cpus()), replace=True)
OmegaConf.register_new_resolver("run_folder", run_folder, replace=True, use_cache=True)
OmegaConf.register_new_resolver("sweep_folder", sweep_folder, replace=True, use_cache=True)
