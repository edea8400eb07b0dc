"""What a sweep says: which of how many jobs begins and, at its end, the command that shows it."""

from __future__ import annotations

import shlex
import sys
from math import prod
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from stylenet.system.program import program, say_next


class SweepProgress(Callback):
    """Announces the jobs of a multirun. Hydra hands it to the jobs, in other processes, too."""

    def __init__(self) -> None:
        self.total: int | None = None

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Count the jobs."""
        self.total = jobs(config)

    def on_job_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Say which job begins: its place, its folder and its overrides."""
        if "num" not in config.hydra.job:  # not a sweep's
            return
        job = config.hydra.job.num
        run = Path(config.hydra.sweep.dir) / str(job)
        overrides = " ".join(config.hydra.overrides.task)
        place = f"{job + 1} of {self.total}" if self.total else job + 1
        print(f"\n{place}: {run}: {overrides}", file=sys.stderr, flush=True)

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Tell the command that shows the sweep. Hydra does not call this after a failure."""
        folder = config.hydra.sweep.dir
        print(f"\nDone: {folder} holds {self.total or 'the'} runs")
        say_next(f"{program()} report {shlex.quote(str(folder))}")


def jobs(config: DictConfig) -> int | None:
    """The number of jobs of a multirun: the trials of a search, else all combinations.

    None if the command line does not tell it, as with ``style=glob(*)``.

    Args:
        config: the multirun's config, with Hydra's part.
    """
    sweeper = config.hydra.sweeper
    if trials := sweeper.get("n_trials"):
        return int(trials)
    swept = [f"{name}={values}" for name, values in (sweeper.get("params") or {}).items()]
    texts = [*swept, *config.hydra.overrides.task]
    parsed = OverridesParser.create().parse_overrides(texts)
    try:
        return prod(len(list(each.sweep_iterator())) for each in parsed if each.is_sweep_override())
    except HydraException:
        return None
