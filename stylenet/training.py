"""A training from its command line or config to its run folder. Wiring only."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import yaml
from hydra.utils import instantiate
from omegaconf import DictConfig
from pytorch_lightning import Trainer, seed_everything

from stylenet.callbacks.guards import cut_short, interruptible, is_finite
from stylenet.callbacks.loggers import Wandb
from stylenet.callbacks.together import together
from stylenet.cards.card import card
from stylenet.cards.card_file import CARD, write_card
from stylenet.cards.facts import facts_of
from stylenet.config import compose as configs
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
from stylenet.system.errors import UserError
from stylenet.system.memory import keep_freed_memory
from stylenet.system.threads import share_cpus
from stylenet.tasks.base import Task
from stylenet.tasks.shared import is_first

LEFT = (MODEL_FILE, "preview.png", "losses.csv", "losses.png", CONFIG, CARD)
"""What a finished run leaves for its user, unless its callback is off."""

WRITTEN = (*LEFT, run_folder.CHECKPOINT, sweeps.RESULT, sweeps.OVERRIDES)
"""Names of all files that a run may leave."""


def train(cfg: DictConfig, overrides: Sequence[str] | None = None) -> bool:
    """Fit the configured task and leave model, previews, curves and config in the run folder.

    Args:
        overrides: what `cfg` was composed of, to leave in the run folder, too, if it is known.

    Returns:
        Whether training reached an end; Ctrl-C cuts it short, with a checkpoint.

    Raises:
        UserError: anything in the config or its files that the user can mend.
    """
    config = configs.resolve(cfg)
    with claimed(Path(config["run"]), config["ckpt"]):
        return _train(cfg, config, overrides)


def _train(cfg: DictConfig, config: dict[str, Any], overrides: Sequence[str] | None) -> bool:
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
    config["credits"] = data.credits()
    config["processes"] = trainer.world_size
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
        if not checkpoint and overrides is not None:
            said = yaml.safe_dump(list(overrides), allow_unicode=True)
            write_atomically(run / sweeps.OVERRIDES, lambda file: file.write(said.encode()))
        keep_copies(run, pictures)
        for picture in pictures:
            warn_if_unsuitable(picture)
    for logger in trainer.loggers:
        logger.log_hyperparams(config)
    mend = f"go on from the last checkpoint, {run / run_folder.CHECKPOINT}, by ckpt=last"
    with configs.fitting(), interruptible(), together(trainer, mend):
        trainer.fit(task, datamodule=data, ckpt_path=checkpoint, weights_only=True)
    finished = not cut_short(trainer)
    if finished and trainer.is_global_zero:
        write_result(run, _terms_at_end(trainer, task, data))
        saved = config | {"net": trained}
        save_model(run / MODEL_FILE, task.net, saved)
        write_card(run / CARD, card(saved, facts_of(run)))
        run_folder.link_latest(run)
    for logger in trainer.loggers:
        if isinstance(logger, Wandb):
            logger.end(run / MODEL_FILE if finished else None)
    return finished


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


def claimed(run: Path, ckpt: str | None, *, unique: bool = False) -> AbstractContextManager[Path]:
    """The claimed folder of a run. Of several processes in one training, the first claims it."""
    if not is_first():
        return nullcontext(run)
    own = ckpt is not None and Path(str(ckpt)).parent.resolve() == run.resolve()
    return run_folder.claimed(run, goes_on=ckpt == "last" or own, unique=unique)


def begin(cfg: DictConfig, overrides: Sequence[str] | None) -> bool:
    """Train with a checked config. A resumed run keeps the values that it was begun with.

    Args:
        overrides: as in `train`.
    """
    if cfg.ckpt is not None:
        cfg = as_begun(cfg, Path(cfg.run) if cfg.ckpt == "last" else Path(cfg.ckpt).parent)
    pin(cfg.data)
    keep_freed_memory()
    share_cpus()
    return train(cfg, overrides)
