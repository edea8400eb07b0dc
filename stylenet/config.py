"""The configs: their resolvers, what is composed of them, and what a resumed run may change."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from hydra import compose
from omegaconf import DictConfig, OmegaConf

from stylenet import hardware
from stylenet.errors import UserError
from stylenet.settings.building import building, fitting
from stylenet.settings.checks import check
from stylenet.settings.complaints import composing, refuse_dashes
from stylenet.settings.composition import FOLDER, initialised, reference
from stylenet.settings.spelling import did_you_mean, dotted, near_keys

__all__ = [
    "CHECKPOINT",
    "FOLDER",
    "building",
    "check",
    "check_resumable",
    "composed",
    "composing",
    "fitting",
    "is_config_of",
    "reference",
    "refuse_dashes",
    "resolve",
    "run_folder",
    "sweep_folder",
]

CHECKPOINT = "last.ckpt"

_FREE_TO_CHANGE = frozenset(
    {"ckpt", "run", "logger", "callbacks", "experiment", "score", "scene", "measured"}
    | {"data.workers"}
)
"""Keys that may differ when a run is resumed: they do not bear on the weights."""

_SWEPT_HOW = ("hydra.", "hydra/")
"""Overrides on how jobs are launched, not on what they train."""


def composed(overrides: Sequence[str], known: set[str]) -> DictConfig:
    """The config that training would have with `overrides`, without Hydra's own part, checked.

    Args:
        known: its top-level keys.

    Raises:
        UserError: an override that names nothing or has a wrong value.
    """
    with composing(overrides), initialised():
        cfg = compose("train", list(overrides))
        check(resolve(cfg, known, overrides), reference(overrides))
    return cfg


def resolve(cfg: DictConfig, known: set[str], overrides: Sequence[str] = ()) -> dict[str, Any]:
    """The config as plain containers, all values final.

    Args:
        known: its top-level keys. overrides: that it has been composed with.

    Raises:
        UserError: a top-level key that is not `known` (Hydra takes a misspelled one in an
            experiment file without a word), a missing value or a broken interpolation.
    """
    unknown = sorted(set(map(str, cfg)) - known)
    if unknown:
        content: Any = OmegaConf.to_container(cfg)
        near = near_keys(unknown[0], [*known, *(set(dotted(content)) - set(unknown))])
        others = did_you_mean(near) or f"; known are {', '.join(sorted(known))}"
        raise UserError(f"unknown config key {unknown[0]}{others}")
    with composing(overrides):
        config = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    assert isinstance(config, dict)
    return {str(key): value for key, value in config.items()}


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
