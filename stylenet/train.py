"""Train a style: ``python -m stylenet.train style=starry_night``. Wiring only."""

from __future__ import annotations

import logging
import os
import shlex
import sys
import warnings
from pathlib import Path
from typing import Any

import hydra
import yaml
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from hydra.utils import instantiate
from omegaconf import DictConfig
from pytorch_lightning import seed_everything
from pytorch_lightning.utilities import rank_zero_only

from stylenet import config as configs
from stylenet import sweeps
from stylenet.checkpoint import MODEL_FILE, save_model, start_from
from stylenet.errors import UserError, exit_on_user_error
from stylenet.images import write_atomically
from stylenet.loggers import Wandb
from stylenet.memory import keep_freed_memory
from stylenet.styles import StylePicture
from stylenet.sweeps import write_result
from stylenet.threads import share_cpus

KEYS = {
    *("style", "net", "loss", "task", "data", "trainer", "callbacks", "logger"),
    *("seed", "init", "ckpt", "run", "score", "scene"),
}


def train(cfg: DictConfig) -> bool:
    """Fit the configured task and leave model, previews, curves and config in the run folder.

    Returns:
        Whether training reached its end; Ctrl-C ends it early, with a checkpoint.

    Raises:
        UserError: anything in the config or its files that the user can mend.
    """
    config = configs.resolve(cfg, KEYS)
    run = Path(config["run"])
    with configs.errors_on_one_line():
        seed_everything(config["seed"], verbose=False)
        style = _style_picture(cfg)
        task = instantiate(cfg.task)(style=style.rgb) if style else instantiate(cfg.task)
        data = instantiate(cfg.data)
        callbacks = instantiate(cfg.callbacks)
        loggers = instantiate(cfg.logger)
        trainer = instantiate(cfg.trainer)(
            callbacks=list(callbacks.values()), logger=list(loggers.values())
        )
    if trainer.accumulate_grad_batches != 1:
        raise UserError(
            "trainer.accumulate_grad_batches: a step is a batch here; use data.batch_size"
        )
    config["style_picture"] = style.note() if style else task.style_note()
    config["measured"] = task.measured()
    trained = config["task"]["net"]  # the chosen net, or what a task makes of it
    config["started_from"] = start_from(task.net, trained, config["init"])
    checkpoint = _checkpoint(config, run)
    if trainer.is_global_zero:
        text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
        write_atomically(run / "config.yaml", lambda file: file.write(text.encode()))
    for logger in trainer.loggers:
        logger.log_hyperparams(config)
    trainer.fit(task, datamodule=data, ckpt_path=checkpoint, weights_only=True)
    finished = bool(trainer.global_step >= trainer.max_steps)
    if finished and trainer.is_global_zero:
        write_result(run, task.unseen_terms(data.validation_photos()))
        save_model(run / MODEL_FILE, task.net, config | {"net": trained})
    for logger in trainer.loggers:
        if isinstance(logger, Wandb):
            logger.end(run / MODEL_FILE if finished else None)
    return finished


def _style_picture(cfg: DictConfig) -> StylePicture | None:
    """The picture that the task learns; None for tasks that learn from collections."""
    has_one, needs_one = "_target_" in cfg.style, cfg.task.get("_partial_", False)
    if has_one and not needs_one:
        raise UserError("this task learns from more than one picture; leave out style=")
    if needs_one and not has_one:
        raise UserError("style=none: this task learns from a picture; choose a style")
    picture: StylePicture | None = instantiate(cfg.style).picture() if has_one else None
    return picture


def _checkpoint(config: dict[str, Any], run: Path) -> str | None:
    """The file to resume from, checked to belong to this config."""
    if config["ckpt"] is None:
        return None
    checkpoint = run / configs.CHECKPOINT if config["ckpt"] == "last" else Path(config["ckpt"])
    if not checkpoint.is_file():
        raise UserError(f"ckpt={config['ckpt']}: {checkpoint} does not exist; check run= and ckpt=")
    configs.check_resumable(config, checkpoint.parent / "config.yaml")
    return str(checkpoint)


def _style_option(cfg: DictConfig) -> str:
    """How a model that has to be told its style is told."""
    if "styles" in cfg.data:
        return " --style PICTURE"
    return " --style NAME" if "styles" in cfg.net else ""


@rank_zero_only
def _say_what_next(run: str, finished: bool, style: str) -> None:
    if finished:
        model = shlex.quote(run) + style
        print(
            f"\nDone: {run} holds {MODEL_FILE}, preview.png, losses.csv, losses.png, config.yaml\n"
            "Next:\n"
            f"  python -m stylenet.stylize PHOTO_OR_FOLDER --model {model} -o stylized/\n"
            "  python -m stylenet.train style=great_wave"
        )
    else:
        overrides = [o for o in sys.argv[1:] if not o.startswith(("run=", "ckpt="))]
        command = shlex.join(
            ["python", "-m", "stylenet.train", *overrides, f"run={run}", "ckpt=last"]
        )
        print(f"\nStopped; everything is saved. Go on with:\n  {command}")


@hydra.main(version_base="1.3", config_path=str(configs.FOLDER), config_name="train")
def _hydra_main(cfg: DictConfig) -> float | None:
    run = Path(HydraConfig.get().runtime.output_dir)
    cfg.run = str(run.relative_to(Path.cwd()) if run.is_relative_to(Path.cwd()) else run)
    if HydraConfig.get().mode == RunMode.MULTIRUN:
        return sweeps.take_part(cfg, HydraConfig.get(), _checked_train)
    with exit_on_user_error():  # here too, before Hydra adds lines of its own
        finished = _checked_train(cfg)
    _say_what_next(cfg.run, finished, _style_option(cfg))
    if not finished:
        raise SystemExit(130)
    return None


def _checked_train(cfg: DictConfig) -> bool:
    configs.check_types(configs.resolve(cfg, KEYS), HydraConfig.get().runtime.choices)
    keep_freed_memory()
    share_cpus()
    return train(cfg)


def main() -> None:
    """The command line: user errors end it in one line and exit code 2."""
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # or Hydra prints them its own way
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="pytorch_lightning")
    with exit_on_user_error(), configs.errors_on_one_line():
        _hydra_main()


if __name__ == "__main__":
    main()
