"""Hydra multiruns. A finished run is not repeated, and a failed run does not end the others."""

from __future__ import annotations

import math
import shlex
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
from stylenet.runs.saved_config import read_config
from stylenet.system.errors import UserError, find_user_error
from stylenet.system.program import program
from stylenet.system.untrusted import mapping

OVERRIDES = "overrides.yaml"
"""The file in a run that lists the overrides of its command line."""

ERROR = "error.txt"
"""The file in a failed run that says why it failed."""

RESULT = "result.yaml"
"""The file in a finished run with the mean loss terms on unseen photos."""


def take_part(cfg: DictConfig, job: HydraConf, train: Callable[[DictConfig], bool]) -> float | None:
    """Train one run of a multirun, or resume it. A finished run is not trained again.

    Args:
        cfg: the run's config.
        job: Hydra's config of the job.
        train: trains with a config and returns whether it reached the end.

    Returns:
        The run's score for a search; None if the config has no score.

    Raises:
        UserError: the run failed. Hydra keeps the error until the other runs are done.
        SystemExit: the user interrupted the training. No further run starts.
    """
    if "ddp" in str(cfg.trainer.get("strategy")):
        raise UserError("a multirun trains each job in one process; leave out trainer=ddp")
    run, overrides = Path(cfg.run), OmegaConf.to_container(job.overrides.task)
    assert isinstance(overrides, list)
    if _has_file_of(run, cfg, MODEL_FILE):
        print(f"{run}: done before", file=sys.stderr)
    else:
        with run_folder.claimed(run, goes_on=True):
            if cfg.ckpt is None and _has_file_of(run, cfg, run_folder.CHECKPOINT):
                cfg.ckpt = "last"
            elif cfg.ckpt is None and (kept := run_folder.set_run_aside(run)):
                print(f"{run} held another run, which is kept in {kept}", file=sys.stderr)
            _write(run / OVERRIDES, yaml.safe_dump(overrides, allow_unicode=True))
            if "wandb" in cfg.logger:
                cfg.logger.wandb.group = run.parent.name
            _train(run, cfg, train)
    return _score(run, cfg)


def _train(run: Path, cfg: DictConfig, train: Callable[[DictConfig], bool]) -> None:
    """Train in the folder `run`, which this process has claimed."""
    try:
        finished = train(cfg)
    except Exception as error:
        user_error = find_user_error(error)
        _write(run / ERROR, f"{user_error or _with_traceback(error)}\n")
        if user_error is None:
            raise
        print(f"error: {user_error}", file=sys.stderr)
        raise UserError(
            f"{run} failed ({user_error}); the same command tries again, and"
            f" {program()} report {shlex.quote(str(run.parent))} shows the others"
        ) from None
    if not finished:
        print("Stopped; everything is saved. The same command goes on.", file=sys.stderr)
        raise SystemExit(130)
    (run / ERROR).unlink(missing_ok=True)


def _with_traceback(error: Exception) -> str:
    """The error on one line, followed by its traceback."""
    said = " ".join(repr(error).split())
    return f"{said}\n\n{''.join(traceback.format_exception(error))}"


def _has_file_of(run: Path, cfg: DictConfig, kept: str) -> bool:
    """Whether `run` has the file `kept` and was started with the settings of `cfg`."""
    config = OmegaConf.to_container(as_begun(cfg, run), resolve=True)
    assert isinstance(config, dict)
    return (run / kept).is_file() and resume.is_config_of(run, config)


def _score(run: Path, cfg: DictConfig) -> float | None:
    if cfg.score is None:
        return None
    terms: dict[str, float] = yaml.safe_load((run / RESULT).read_text())
    measured = mapping(read_config(run), "measured")  # a weight that training set to the picture
    score: float = instantiate(cfg.score)(terms, {**cfg.loss, **measured})
    return score


def imbalance(terms: Mapping[str, float], loss: Mapping[str, Any]) -> float:
    """The imbalance of the weighted style and content terms: |log(style / content)|.

    Args:
        terms: the unweighted terms on unseen photos.
        loss: the config of the loss, with both weights.
    """
    style = loss["style_weight"] * terms["style"]
    return abs(math.log(style / (loss["content_weight"] * terms["content"])))


def write_result(run: Path, terms: Mapping[str, float]) -> None:
    """Write the loss `terms` into the folder `run`."""
    _write(run / RESULT, yaml.safe_dump(dict(terms), sort_keys=False))


def _write(file: Path, text: str) -> None:
    write_atomically(file, lambda target: target.write(text.encode()))
