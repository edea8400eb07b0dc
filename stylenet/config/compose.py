"""Composing configs, and the resolvers that they use."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra import compose
from omegaconf import DictConfig, OmegaConf

from stylenet.config import hardware
from stylenet.config.building import building, fitting
from stylenet.config.checks import check
from stylenet.config.complaints import composing, refuse_dashes
from stylenet.config.folder import FOLDER
from stylenet.config.shipped import KEYS, initialised, reference
from stylenet.config.spelling import did_you_mean, dotted, near_keys
from stylenet.runs.folder import CHECKPOINT, run_folder
from stylenet.system.cpus import usable_cpus
from stylenet.system.errors import UserError

__all__ = [
    "CHECKPOINT",
    "FOLDER",
    "building",
    "check",
    "composed",
    "composing",
    "fitting",
    "reference",
    "refuse_dashes",
    "resolve",
    "sweep_folder",
]

_LAUNCHING = ("hydra.", "hydra/")
"""Overrides that say how jobs are launched, not what they train."""


def composed(overrides: Sequence[str]) -> DictConfig:
    """The checked config of a training with `overrides`, without Hydra's own part.

    Raises:
        UserError: an override names nothing or has a wrong value.
    """
    with composing(overrides), initialised():
        cfg = compose("train", list(overrides))
        check(resolve(cfg, overrides), reference(overrides))
    return cfg


def resolve(cfg: DictConfig, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """The config as plain containers, all values final.

    Args:
        overrides: the overrides that `cfg` was composed with.

    Raises:
        UserError: a top-level key is not in `KEYS`, a value is missing, or an interpolation fails.
            Hydra itself silently accepts a misspelled key in an experiment file.
    """
    unknown = sorted(set(map(str, cfg)) - KEYS)
    if unknown:
        content: Any = OmegaConf.to_container(cfg)
        near = near_keys(unknown[0], [*KEYS, *(set(dotted(content)) - set(unknown))])
        others = did_you_mean(near) or f"; known are {', '.join(sorted(KEYS))}"
        raise UserError(f"unknown config key {unknown[0]}{others}")
    with composing(overrides):
        config = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    assert isinstance(config, dict)
    return {str(key): value for key, value in config.items()}


def sweep_folder(overrides: Sequence[str]) -> str:
    """The folder of a multirun. The same command line gives the same folder.

    Another order of the overrides gives another folder, because the order sets the job numbers.

    Args:
        overrides: from the command line, as ``KEY=VALUE,VALUE``.
    """
    what = [override for override in overrides if not override.startswith(_LAUNCHING)]
    swept = [o.split("=")[0].split(".")[-1] for o in what if "," in o or o.startswith("sweep=")]
    digest = hashlib.sha256("\n".join(what).encode()).hexdigest()[:8]
    return f"runs/sweeps/{'-'.join([*swept, digest])}"


def file_name(path: str | None) -> str:
    """The stem of a file's name, in letters that a folder's name may have; else ``custom``.

    A picture that is called like a shipped style gets ``_own``, so that runs do not mix.
    """
    name = re.sub(r"[^\w.-]+", "_", Path(path or "").stem).strip("._-") or "custom"
    is_shipped = (FOLDER / "style" / f"{name}.yaml").is_file() and name != "custom"
    return f"{name}_own" if is_shipped else name


# Registered on import, because the workers of a parallel sweep only import this module.
OmegaConf.register_new_resolver("hardware", hardware.choose, replace=True)
OmegaConf.register_new_resolver("cpus", lambda most: min(most, usable_cpus()), replace=True)
OmegaConf.register_new_resolver("run_folder", run_folder, replace=True, use_cache=True)
OmegaConf.register_new_resolver("file_name", file_name, replace=True)
OmegaConf.register_new_resolver("sweep_folder", sweep_folder, replace=True, use_cache=True)
