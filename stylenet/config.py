"""The configs: where they lie, their resolvers, and the checks Hydra leaves out."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from hydra import compose
from hydra.errors import HydraException
from lightning_fabric.utilities.exceptions import MisconfigurationException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from stylenet import hardware
from stylenet.errors import UserError, find_user_error

_PACKAGE = Path(__file__).parent
FOLDER = _PACKAGE / "conf" if (_PACKAGE / "conf").is_dir() else _PACKAGE.parent / "conf"
"""Inside the package when installed from a wheel, beside it in a checkout."""

CHECKPOINT = "last.ckpt"

_CONFIG_ERRORS = (
    *(HydraException, OmegaConfBaseException, MisconfigurationException),
    *(TypeError, ValueError),
)

_FREE_TO_CHANGE = frozenset(
    {"ckpt", "run", "logger", "callbacks", "experiment", "score", "scene", "measured"}
    | {"data.workers", "trainer.accelerator"}
)
"""Keys that may differ when a run is resumed: they do not bear on the weights."""

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


def run_folder(parent: str, ckpt: str | None) -> str:
    """A new folder below `parent` named by the time, or for ``ckpt=last`` the newest resumable one.

    Raises:
        UserError: there is nothing to resume.
    """
    if ckpt != "last":
        return f"{parent}/{datetime.datetime.now():%Y-%m-%d_%H-%M-%S}"
    runs = sorted(Path(parent).glob(f"*/{CHECKPOINT}"))
    if not runs:
        raise UserError(f"ckpt=last: no run to resume in {parent}; name one with run=FOLDER")
    return str(runs[-1].parent)


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


def check_resumable(config: dict[str, Any], saved: Path) -> None:
    """Hold the config of a resumed run against the one it was started with.

    Raises:
        UserError: they differ in anything that bears on the weights, or `saved` is no config.
    """
    before = _read(saved)
    if before is None:
        raise UserError(f"{saved} is missing or no config; resume from a checkpoint in its run")
    found = _first_difference("", before, config)
    if found:
        raise UserError(
            f"{saved.parent} was started with {found}; give the same overrides to resume"
        )


def is_config_of(saved: Path, config: dict[Any, Any], besides: set[str]) -> bool:
    """Whether the file `saved` holds `config`, but for what does not matter and `besides`."""
    before = _read(saved)
    if before is None:
        return False
    kept = {key: value for key, value in before.items() if key not in besides}
    return _first_difference("", kept, config) is None


def _read(saved: Path) -> dict[str, Any] | None:
    try:
        content = yaml.safe_load(saved.read_text())
    except (FileNotFoundError, UnicodeDecodeError, yaml.YAMLError):
        return None
    return content if isinstance(content, dict) else None


def _first_difference(name: str, before: Any, now: Any) -> str | None:
    """The first difference that matters, in words."""
    if name in _FREE_TO_CHANGE or before == now:
        return None
    if not (isinstance(before, dict) and isinstance(now, dict)):
        return f"{name}={before}, now {now}"
    for key in sorted(before.keys() | now.keys()):
        inner = f"{name}.{key}" if name else key
        difference = _first_difference(inner, before.get(key), now.get(key))
        if difference:
            return difference
    return None


# Here, not in a function: the workers of a parallel sweep know no more than what they import.
OmegaConf.register_new_resolver("hardware", hardware.choose, replace=True)
OmegaConf.register_new_resolver("run_folder", run_folder, replace=True, use_cache=True)
OmegaConf.register_new_resolver("sweep_folder", sweep_folder, replace=True, use_cache=True)
