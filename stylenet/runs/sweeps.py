"""Hydra multiruns: what is done stays done, what fails does not end the rest."""

from __future__ import annotations

import math
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml
from hydra.conf import HydraConf
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from stylenet.pictures.images import write_atomically
from stylenet.runs import folder as run_folder
from stylenet.runs import resume
from stylenet.runs.begun import as_begun
from stylenet.runs.folder import MODEL_FILE
from stylenet.system.errors import UserError, find_user_error

OVERRIDES = "overrides.yaml"
"""In a run of a sweep: the list of what the command line changed for it."""

ERROR = "error.txt"
"""In a run that failed: why."""

RESULT = "result.yaml"
"""In a finished run: mean loss terms on photos it never saw."""


def take_part(cfg: DictConfig, job: HydraConf, train: Callable[[DictConfig], bool]) -> float | None:
    """Train one run of a multirun, unless it is finished; one cut short goes on.

    Args:
        cfg: the run's config. job: Hydra's.
        train: says whether it reached the end.

    Returns:
        The run's score, for a search, if the config has one.

    Raises:
        UserError: what went wrong; Hydra keeps it until the other runs are done.
        SystemExit: interrupted; no further run is to begin.
    """
    if "ddp" in str(cfg.trainer.get("strategy")):
        raise UserError("a multirun trains each job in one process; leave out trainer=ddp")
    run, overrides = Path(cfg.run), OmegaConf.to_container(job.overrides.task)
    assert isinstance(overrides, list)
    name = f"{run}: {' '.join(map(str, overrides))}"
    if _is(run, cfg, MODEL_FILE):
        print(f"{name}: done before", file=sys.stderr)
    else:
        with run_folder.claimed(run, goes_on=True):
            print(name, file=sys.stderr)
            if cfg.ckpt is None and _is(run, cfg, run_folder.CHECKPOINT):
                cfg.ckpt = "last"
            elif cfg.ckpt is None and (kept := run_folder.set_run_aside(run)):
                print(f"{run} held another run, which is kept in {kept}", file=sys.stderr)
            _write(run / OVERRIDES, yaml.safe_dump(overrides, allow_unicode=True))
            if "wandb" in cfg.logger:
                cfg.logger.wandb.group = run.parent.name
            _train(run, cfg, train)
    return _score(run, cfg)


def _train(run: Path, cfg: DictConfig, train: Callable[[DictConfig], bool]) -> None:
    """Train in the folder `run`, which this process holds."""
    try:
        finished = train(cfg)
    except Exception as error:
        user_error = find_user_error(error)
        _write(run / ERROR, f"{user_error or _told(error)}\n")
        if user_error is None:
            raise
        print(f"error: {user_error}", file=sys.stderr)
        raise UserError(f"{run} failed ({user_error}); the same command tries again") from None
    if not finished:
        print("Stopped; everything is saved. The same command goes on.", file=sys.stderr)
        raise SystemExit(130)
    (run / ERROR).unlink(missing_ok=True)


def _told(error: Exception) -> str:
    """What `error` is, on one line, then where it came from."""
    said = " ".join(repr(error).split())
    return f"{said}\n\n{''.join(traceback.format_exception(error))}"


def _is(run: Path, cfg: DictConfig, kept: str) -> bool:
    """Whether the file `kept` in `run` is of this very config."""
    config = OmegaConf.to_container(as_begun(cfg, run), resolve=True)
    assert isinstance(config, dict)
    return (run / kept).is_file() and resume.is_config_of(run, config)


def _score(run: Path, cfg: DictConfig) -> float | None:
    if cfg.score is None:
        return None
    terms: dict[str, float] = yaml.safe_load((run / RESULT).read_text())
    score: float = instantiate(cfg.score)(terms, cfg.loss)
    return score


def imbalance(terms: Mapping[str, float], loss: Mapping[str, Any]) -> float:
    """How far the weighted style term is from the weighted content term: |log(style/content)|.

    Args:
        terms: unweighted, on unseen photos. loss: the config with the two weights.
    """
    style = loss["style_weight"] * terms["style"]
    return abs(math.log(style / (loss["content_weight"] * terms["content"])))


def write_result(run: Path, terms: Mapping[str, float]) -> None:
    """Leave `terms` in the folder `run`."""
    _write(run / RESULT, yaml.safe_dump(dict(terms), sort_keys=False))


def _write(file: Path, text: str) -> None:
    write_atomically(file, lambda target: target.write(text.encode()))
