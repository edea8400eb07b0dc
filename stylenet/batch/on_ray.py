"""Stylising very many photos on Ray Data: by several workers of one machine, or of a cluster.

Each worker is an actor that opens the models once. It reads the photos and writes the results, by
the functions that the ordinary command uses, so that Ray carries paths alone. Ray Data gives a
worker few photos ahead, and starts a worker anew that died.
"""

from __future__ import annotations

import logging
import os
import pickle
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stylenet.batch.cluster import Shares, cluster, load_ray, shares
from stylenet.batch.note import claimed, is_finished, key_of
from stylenet.batch.painter import OpenStylizer, Outcome, Painter, Task
from stylenet.batch.parquet import Row
from stylenet.runtime.stylize_photos import Tally
from stylenet.system.errors import UserError

_TOGETHER = 16
"""The most photos that a worker is given at once. Ray takes some ten milliseconds for a task."""


def stylize_on_ray(
    targets: Mapping[Path, Path] | Mapping[Row, Path],
    open_stylizer: OpenStylizer,
    out: Path,
    job: str,
    workers: int | None,
    device: str,
    keep: Callable[[Path], None],
    report: Callable[[int, int], None],
    complain: Callable[[UserError], None],
) -> Tally:
    """Stylise each photo into its target, but for those that the same job has finished.

    Args:
        out: the folder of the results. job: what identifies the job. workers: their number; None
            means one for each GPU or CPU. keep: called by the worker with each result.
        report, complain: as of `stylize_photos`.

    Raises:
        UserError: Ray is missing or cannot be reached, another command writes into the folder, a
            result cannot be written, a model cannot be used, or workers die as they start.
    """
    load_ray()
    with claimed(out) as note:
        known = note.finished()
        tasks = [_task(photo, target, out, job) for photo, target in targets.items()]
        tasks = [task for task in tasks if not is_finished(task.key, task.target, known)]
        finished = len(targets) - len(tasks)
        if finished:
            print(f"{finished} of {len(targets)} pictures were finished before", flush=True)
        tally = Tally()
        report(finished, len(targets))
        if not tasks:
            return tally
        with _swept({task.target.parent for task in tasks}), cluster(workers) as found:
            share = shares(found, workers, device, len(tasks))
            given = (open_stylizer, note, keep, str(Path.cwd()), share.cpus)
            for outcome in _outcomes(tasks, given, share):
                if outcome.fatal:
                    raise UserError(outcome.fatal)
                if outcome.failed:
                    complain(UserError(outcome.failed))
                    tally.failed += 1
                else:
                    tally.written += 1
                    tally.pixels += outcome.pixels
                report(finished + tally.written + tally.failed, len(targets))
        return tally


def _task(photo: Path | Row, target: Path, out: Path, job: str) -> Task:
    file, row = (photo.file, photo.number) if isinstance(photo, Row) else (photo, None)
    return Task(photo, target, key_of(job, file, row, os.path.relpath(target, out)))


@contextmanager
def _swept(folders: Collection[Path]) -> Iterator[None]:
    """Delete what workers had half written when they were killed, before the block and after it."""
    try:
        _sweep(folders)
        yield
    finally:
        _sweep(folders)


def _sweep(folders: Collection[Path]) -> None:
    for folder in folders:
        for part in folder.glob(".part-????????"):
            part.unlink(missing_ok=True)


def _outcomes(tasks: Sequence[Task], given: tuple[Any, ...], share: Shares) -> Iterator[Outcome]:
    """The outcomes of tasks, as they come, in any order."""
    import ray
    import ray.data

    settings = ray.data.DataContext.get_current()
    settings.enable_progress_bars = settings.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    rows = [{"task": pickle.dumps(task)} for task in tasks]
    fewest = min(len(rows), 8 * share.workers)  # so that all workers end at about the same time
    done = ray.data.from_items(rows, override_num_blocks=max(fewest, len(rows) // _TOGETHER)).map(
        Painter,
        fn_constructor_args=given,
        compute=ray.data.ActorPoolStrategy(size=share.workers),
        num_cpus=share.cpus,
        num_gpus=share.gpus,
    )
    try:
        for row in done.iter_rows():
            yield pickle.loads(row["outcome"])
    except ray.exceptions.RayActorError:
        raise UserError("workers die as they start; see whether memory is short") from None
