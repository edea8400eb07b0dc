"""Train a style: ``python -m stylenet.train style=starry_night``. Wiring only."""

from __future__ import annotations

import sys

from stylenet.commands.train import asks_for_help, help_text
from stylenet.system.errors import interrupted

if __name__ == "__main__":  # before the imports below, which take seconds
    sys.excepthook = interrupted
    if asks_for_help(sys.argv[1:]):
        sys.exit(print(help_text()))

import logging
import math
import os
import shlex
import warnings
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, cast

import hydra
import yaml
from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf, read_write
from pytorch_lightning import Trainer, seed_everything
from pytorch_lightning.utilities import rank_zero_only

from stylenet.callbacks.guards import cut_short, interruptible, is_finite
from stylenet.callbacks.loggers import Wandb
from stylenet.config import compose as configs
from stylenet.config.quoting import assignment
from stylenet.data.module import PhotoDataModule
from stylenet.data.revision import pin
from stylenet.models.checkpoint import save_model, start_from
from stylenet.models.learnt import keep_copies
from stylenet.pictures.images import write_atomically
from stylenet.pictures.outputs import refuse_overwriting
from stylenet.runs import folder as run_folder
from stylenet.runs import resume, sweeps
from stylenet.runs.begun import as_begun
from stylenet.runs.folder import MODEL_FILE
from stylenet.runs.saved_config import CONFIG, leaves
from stylenet.runs.sweeps import write_result
from stylenet.styles.picture import StylePicture
from stylenet.styles.suitability import warn_if_unsuitable
from stylenet.system.errors import UserError, exit_on_user_error
from stylenet.system.memory import keep_freed_memory
from stylenet.system.threads import share_cpus
from stylenet.tasks.base import Task

LEFT = (MODEL_FILE, "preview.png", "losses.csv", "losses.png", CONFIG)
"""What a finished run leaves for its user, unless its callback is off."""

WRITTEN = (*LEFT, run_folder.CHECKPOINT, sweeps.RESULT, sweeps.OVERRIDES)
"""Names of all files that a run may leave."""


def train(cfg: DictConfig) -> bool:
    """Fit the configured task and leave model, previews, curves and config in the run folder.

    Returns:
        Whether training reached an end; Ctrl-C cuts it short, with a checkpoint.

    Raises:
        UserError: anything in the config or its files that the user can mend.
    """
    config = configs.resolve(cfg)
    with _claimed(Path(config["run"]), config["ckpt"]):
        return _train(cfg, config)


def _train(cfg: DictConfig, config: dict[str, Any]) -> bool:
    run = Path(config["run"])
    checkpoint = _checkpoint(config["ckpt"], run)
    refuse_overwriting([run, *(run / name for name in WRITTEN)], _paths(config))
    with configs.building():
        seed_everything(config["seed"], verbose=False)
        style = _style_picture(cfg)
        task = instantiate(cfg.task)(style=style.rgb) if style else instantiate(cfg.task)
        task.read_style()
        data = instantiate(cfg.data)
        callbacks, loggers = _objects(cfg.callbacks), _objects(cfg.logger)
        trainer = instantiate(cfg.trainer)(callbacks=callbacks, logger=loggers)
    if trainer.accumulate_grad_batches != 1:
        raise UserError(
            "trainer.accumulate_grad_batches: a step is a batch here; use data.batch_size"
        )
    config["files"] = resume.contents(config)
    config["style_picture"] = style.note() if style else task.style_note()
    config["measured"] = task.measured()
    config["pictures"] = data.contents()
    trained = config["task"]["net"]  # the chosen net, or what a task makes of it
    if checkpoint:
        started = resume.check_resumable(config, checkpoint.parent)
        config["started_from"] = started.get("started_from")
    else:
        config["started_from"] = start_from(task.net, trained, config["init"])
    if trainer.is_global_zero:
        text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
        write_atomically(run / CONFIG, lambda file: file.write(text.encode()))
        pictures = [style] if style else task.style_pictures()
        if not checkpoint:
            _keep_overrides(run)
        keep_copies(run, pictures)
        for picture in pictures:
            warn_if_unsuitable(picture)
    for logger in trainer.loggers:
        logger.log_hyperparams(config)
    with configs.fitting(), interruptible():
        trainer.fit(task, datamodule=data, ckpt_path=checkpoint, weights_only=True)
    finished = not cut_short(trainer)
    if finished and trainer.is_global_zero:
        write_result(run, _terms_at_end(trainer, task, data))
        save_model(run / MODEL_FILE, task.net, config | {"net": trained})
        run_folder.link_latest(run)
    for logger in trainer.loggers:
        if isinstance(logger, Wandb):
            logger.end(run / MODEL_FILE if finished else None)
    return finished


def _keep_overrides(run: Path) -> None:
    """Write what the command line says, if there is one, into the run's folder."""
    if HydraConfig.initialized():
        overrides = OmegaConf.to_container(HydraConfig.get().overrides.task)
        text = yaml.safe_dump(overrides, allow_unicode=True)
        write_atomically(run / sweeps.OVERRIDES, lambda file: file.write(text.encode()))


def _paths(config: dict[str, Any]) -> list[Path]:
    """All values that may be paths of files that a training reads."""
    read = {key: config[key] for key in ("style", "data", "net", "init")}
    return [Path(value) for _, value in leaves(read) if isinstance(value, str) and value]


def _objects(named: DictConfig) -> list[Any]:
    """The objects that `named` describes. A null is off and gives no object."""
    return [made for made in instantiate(named).values() if made is not None]


def _style_picture(cfg: DictConfig) -> StylePicture | None:
    """The picture that the task learns; None for tasks that learn from collections."""
    has_one, needs_one = "_target_" in cfg.style, cfg.task.get("_partial_", False)
    if has_one and not needs_one:
        raise UserError("this task learns from more than one picture; leave out style=")
    if needs_one and not has_one:
        raise UserError("style=none: this task learns from a picture; choose a style")
    picture: StylePicture | None = instantiate(cfg.style).picture() if has_one else None
    return picture


def _checkpoint(ckpt: str | None, run: Path) -> Path | None:
    """The file to resume from."""
    if ckpt is None:
        return None
    checkpoint = run / run_folder.CHECKPOINT if ckpt == "last" else Path(ckpt)
    if not checkpoint.is_file():
        raise UserError(f"ckpt={ckpt}: {checkpoint} does not exist; check run= and ckpt=")
    return checkpoint


def _terms_at_end(trainer: Trainer, task: Task, data: PhotoDataModule) -> dict[str, float]:
    """The loss terms on unseen photos. A message says where training ended early.

    Raises:
        UserError: no step was taken, or weights or terms are no numbers, so there is no model.
    """
    step, last = trainer.global_step, trainer.max_steps
    if not step:
        raise UserError("training ended before its first step; give the trainer more time")
    if not is_finite(task.net.state_dict()):
        raise UserError("the weights are no numbers; lower task.optimizer.lr; no model is saved")
    terms = task.unseen_terms(data.validation_photos())
    if not all(math.isfinite(term) for term in terms.values()):
        raise UserError("the pictures are no numbers; lower task.optimizer.lr; no model is saved")
    if step < last:
        print(f"training ended early, at step {step} of {last}", file=sys.stderr)
    return terms


def _style_option(cfg: DictConfig) -> str:
    """The option of `stylize` for a model that needs to be told its style."""
    if "styles" in cfg.data:
        return " --style PICTURE"
    return " --style NAME" if "styles" in cfg.net else ""


@rank_zero_only
def _say_what_next(run: str, finished: bool, style: str) -> None:
    if finished:
        model = shlex.quote(run) + style
        left = [name for name in LEFT if (Path(run) / name).is_file()]
        print(
            f"\nDone: {run} holds {', '.join(left)}\n"
            "Next:\n"
            f"  python -m stylenet.stylize PHOTO_OR_FOLDER --model {model} -o stylized/\n"
            "  python -m stylenet.train style=great_wave"
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
    kept = [each for each in overrides if each.split("=")[0].lstrip("+") not in ("run", "ckpt")]
    return shlex.join(
        ["python", "-m", "stylenet.train", *kept, assignment("run", run), "ckpt=last"]
    )


def _job(cfg: DictConfig) -> float | None:
    """One training, alone or as a job of a multirun: Hydra calls this."""
    with exit_on_user_error():  # before Hydra adds lines of its own
        _refuse_no_name(HydraConfig.get())
    is_named = not OmegaConf.is_interpolation(cfg, "run") or _overrides_folder()
    runtime: Any = OmegaConf.to_container(HydraConfig.get().runtime)  # unresolved
    run = Path(runtime["output_dir"])
    cfg.run = str(run.relative_to(Path.cwd()) if run.is_relative_to(Path.cwd()) else run)
    if HydraConfig.get().mode == RunMode.MULTIRUN:
        return sweeps.take_part(cfg, HydraConfig.get(), _checked_train)
    with exit_on_user_error(), _nothing_left(run, is_named):  # before Hydra adds lines of its own
        _check(cfg)
        with _own_folder(cfg, is_named):
            finished = _begin(cfg)
            _say_what_next(cfg.run, finished, _style_option(cfg))
    if not finished:
        raise SystemExit(130)
    return None


def _refuse_no_name(job: HydraConf) -> None:
    """An empty name, as of a variable that is not set, would be that of the current folder."""
    is_sweep = job.mode == RunMode.MULTIRUN
    if not (job.sweep.dir if is_sweep else job.run.dir):
        key = "hydra.sweep.dir" if is_sweep else "run"
        raise UserError(f"{key}= is empty; name a folder, or leave it out")


_hydra_main = hydra.main(version_base="1.3", config_path=str(configs.FOLDER), config_name="train")(
    _job
)


def _overrides_folder() -> bool:
    return any(o.startswith("hydra.run.dir=") for o in HydraConfig.get().overrides.hydra)


@contextmanager
def _nothing_left(run: Path, is_named: bool) -> Iterator[None]:
    """Remove the folder that Hydra has made, if the start fails and leaves it empty."""
    try:
        yield
    finally:
        run_folder.remove_empty(run, parents=not is_named)


@contextmanager
def _own_folder(cfg: DictConfig, is_named: bool) -> Iterator[None]:
    """Claim the run's folder. A folder that stylenet named gets another name where it is taken."""
    run, hydra = Path(cfg.run), HydraConfig.get()
    with _claimed(run, cfg.ckpt, unique=not is_named and cfg.ckpt != "last") as folder:
        if folder != run:
            cfg.run = str(folder)
            with read_write(cast(DictConfig, hydra)):
                hydra.run.dir = cfg.run  # where processes that Lightning starts look for it
        yield


def _claimed(run: Path, ckpt: str | None, *, unique: bool = False) -> AbstractContextManager[Path]:
    """The claimed folder of a run. Of several processes in one training, the first claims it."""
    if rank_zero_only.rank:  # type: ignore[attr-defined]
        return nullcontext(run)
    own = ckpt is not None and Path(str(ckpt)).parent.resolve() == run.resolve()
    return run_folder.claimed(run, goes_on=ckpt == "last" or own, unique=unique)


def _checked_train(cfg: DictConfig) -> bool:
    _check(cfg)
    return _begin(cfg)


def _check(cfg: DictConfig) -> None:
    """Compare the config with the shipped one before anything is built."""
    job = HydraConfig.get()
    overrides: Any = OmegaConf.to_container(job.overrides.task)  # unresolved
    with configs.composing(overrides):
        config = configs.resolve(cfg, overrides)
        configs.check(config, configs.reference(overrides, str(job.job.config_name)))


def _begin(cfg: DictConfig) -> bool:
    """Train with a checked config. A resumed run keeps the values that it was begun with."""
    if cfg.ckpt is not None:
        cfg = as_begun(cfg, Path(cfg.run) if cfg.ckpt == "last" else Path(cfg.ckpt).parent)
    pin(cfg.data)
    keep_freed_memory()
    share_cpus()
    return train(cfg)


def main() -> None:
    """Run the command line. A user error ends it with one line and exit code 2."""
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # otherwise Hydra prints errors its own way
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="pytorch_lightning")
    with exit_on_user_error(), configs.composing(sys.argv[1:], _job):
        configs.refuse_dashes(sys.argv[1:])
        _hydra_main()


if __name__ == "__main__":
    main()
