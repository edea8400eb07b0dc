"""Starting a training from its command line or from Python, and what it says at its end."""

from __future__ import annotations

import logging
import os
import shlex
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import hydra
from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, read_write
from pytorch_lightning.utilities import rank_zero_only

from stylenet.config import compose as configs
from stylenet.config.quoting import assignment
from stylenet.nets.multistyle import style_name
from stylenet.runs import folder as run_folder
from stylenet.runs import sweeps
from stylenet.runs.found import found_model
from stylenet.runs.placeless import without_place
from stylenet.system.errors import UserError, exit_on_user_error
from stylenet.system.program import program, say_next
from stylenet.tasks.shared import is_first
from stylenet.training import LEFT, begin, claimed


def _style_option(cfg: DictConfig) -> str:
    """The option of `stylize` for a model that needs to be told its style."""
    if "styles" in cfg.data:
        return " --style PICTURE"
    return f" --style {shlex.quote(style_name(cfg.net.styles[0]))}" if "styles" in cfg.net else ""


@rank_zero_only
def _say_what_next(run: str, finished: bool, style: str) -> None:
    if finished:
        model, left = shlex.quote(run), [name for name in LEFT if (Path(run) / name).is_file()]
        export = shlex.quote(f"{run_folder.called(Path(run))}.onnx")
        print(f"\nDone: {run} holds {', '.join(left)}")
        say_next(
            f"{program()} stylize PHOTO_OR_FOLDER --model {model}{style} -o stylized/",
            f"{program()} export {model} -o {export}",
        )
    elif (Path(run) / configs.CHECKPOINT).exists():
        print(
            f"\nStopped; {run} is saved, and can be used as it is. Go on with:\n"
            f"  {_resume(run, sys.argv[1:])}"
        )
    else:
        print("\nStopped; nothing is saved, as callbacks.resume is off.")


def _resume(run: str, overrides: Sequence[str]) -> str:
    """The shell command that resumes the run in the folder `run`."""
    words = [*without_place(overrides), assignment("run", run), "ckpt=last"]
    return f"{program()} train {shlex.join(words)}"


def _job(cfg: DictConfig) -> float | None:
    """One training, alone or as a job of a multirun: Hydra calls this."""
    with exit_on_user_error():  # before Hydra adds lines of its own
        _refuse_no_name(HydraConfig.get())
    is_named = not OmegaConf.is_interpolation(cfg, "run") or _overrides_folder()
    runtime: Any = OmegaConf.to_container(HydraConfig.get().runtime)  # unresolved
    run = Path(runtime["output_dir"])
    cfg.run = str(run.relative_to(Path.cwd()) if run.is_relative_to(Path.cwd()) else run)
    _find_init(cfg)
    if HydraConfig.get().mode == RunMode.MULTIRUN:
        return sweeps.take_part(cfg, HydraConfig.get(), _checked_train)
    with exit_on_user_error(), _nothing_left(run, is_named):  # before Hydra adds lines of its own
        _check(cfg)
        with _own_folder(cfg, is_named):
            finished = begin(cfg, _overrides())
            _say_what_next(cfg.run, finished, _style_option(cfg))
    if not finished and is_first():
        raise SystemExit(130)  # of one process: the end of another is no failure
    return None


def _find_init(cfg: DictConfig) -> None:
    """Put the run that a name stands for today into the config."""
    if OmegaConf.is_interpolation(cfg, "init"):
        return
    if isinstance(cfg.init, str) and cfg.init != "embedded":
        cfg.init = str(found_model(Path(cfg.init)))


def run_alone(cfg: DictConfig, overrides: Sequence[str]) -> Path:
    """Train with a checked config, composed of `overrides`, outside Hydra.

    Returns the run's folder.

    Raises:
        UserError: anything in the config or its files that the user can mend.
    """
    _quieten()
    is_named = not OmegaConf.is_interpolation(cfg, "run")
    cfg.run = str(cfg.run)  # once and for all: the interpolation tells the time
    _find_init(cfg)
    with _nothing_left(Path(cfg.run), is_named), _own_folder(cfg, is_named):
        begin(cfg, overrides)
    return Path(cfg.run)


def _refuse_no_name(job: HydraConf) -> None:
    """An empty name, as of a variable that is not set, would be that of the current folder."""
    is_sweep = job.mode == RunMode.MULTIRUN
    if not (job.sweep.dir if is_sweep else job.run.dir):
        key = "hydra.sweep.dir" if is_sweep else "run"
        raise UserError(f"{key}= is empty; name a folder, or leave it out")


_hydra_main = hydra.main(version_base="1.3", config_path=str(configs.FOLDER), config_name="train")(
    _job
)


def _overrides() -> list[str]:
    """What the command line says of the training."""
    said: Any = OmegaConf.to_container(HydraConfig.get().overrides.task)  # unresolved
    return list(said)


def _overrides_folder() -> bool:
    return any(o.startswith("hydra.run.dir=") for o in HydraConfig.get().overrides.hydra)


@contextmanager
def _nothing_left(run: Path, is_named: bool) -> Iterator[None]:
    """Remove the run's folder, if the start fails and leaves it empty."""
    try:
        yield
    finally:
        run_folder.remove_empty(run, parents=not is_named)


@contextmanager
def _own_folder(cfg: DictConfig, is_named: bool) -> Iterator[None]:
    """Claim the run's folder. A folder that stylenet named gets another name where it is taken."""
    run = Path(cfg.run)
    with claimed(run, cfg.ckpt, unique=not is_named and cfg.ckpt != "last") as folder:
        if folder != run:
            cfg.run = str(folder)
            if HydraConfig.initialized():
                hydra = HydraConfig.get()
                with read_write(cast(DictConfig, hydra)):
                    hydra.run.dir = cfg.run  # where processes that Lightning starts look for it
        yield


def _checked_train(cfg: DictConfig) -> bool:
    _check(cfg)
    return begin(cfg, None)  # the sweep has written the overrides


def _check(cfg: DictConfig) -> None:
    """Compare the config with the shipped one before anything is built."""
    job, overrides = HydraConfig.get(), _overrides()
    with configs.composing(overrides):
        config = configs.resolve(cfg, overrides)
        configs.check(config, configs.reference(overrides, str(job.job.config_name)))


def _quieten() -> None:
    """Let Lightning say less, and of several processes the first one alone give hints."""
    for name in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    if not is_first():
        logging.getLogger("stylenet").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="pytorch_lightning")


def main() -> None:
    """Run the command line. A user error ends it with one line and exit code 2."""
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # otherwise Hydra prints errors its own way
    _quieten()
    with exit_on_user_error(), configs.composing(sys.argv[1:], _job):
        configs.refuse_dashes(sys.argv[1:])
        _hydra_main()
