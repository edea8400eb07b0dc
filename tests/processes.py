"""A training on several processes, forked from this one: none has to load torch anew."""

import multiprocessing
import os
import socket
import sys
from pathlib import Path

import lightning_utilities.core.rank_zero as ranks
import torch

from stylenet import launch


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _train(rank: int, world: int, port: int, log: Path, overrides: list[str]) -> None:
    """The command line as torchrun starts it: these variables are all that it tells."""
    place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": world, "LOCAL_WORLD_SIZE": world}
    group = {"GROUP_RANK": 0, "GROUP_WORLD_SIZE": 1, "TORCHELASTIC_RUN_ID": "test"}
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    os.environ.update({key: str(value) for key, value in {**place, **group, **address}.items()})
    ranks.rank_zero_only.rank = rank
    torch.set_num_threads(1)
    file = log.open("w", buffering=1)
    os.dup2(file.fileno(), 1)
    os.dup2(file.fileno(), 2)
    sys.stdout = sys.stderr = file  # instead of those of pytest
    sys.argv = ["stylenet.train", "trainer=ddp", "trainer.accelerator=cpu", *overrides]
    launch.main()


def train_together(folder: Path, *overrides: str, world: int = 2) -> list[tuple[int, str]]:
    """Train on `world` processes. Returns the exit code of each and what it said."""
    context, port = multiprocessing.get_context("fork"), _free_port()
    logs = [folder / f"process_{rank}.txt" for rank in range(world)]
    processes = [
        context.Process(target=_train, args=(rank, world, port, logs[rank], list(overrides)))
        for rank in range(world)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(600)
        process.kill()
    return [
        (int(process.exitcode or 0), log.read_text())
        for process, log in zip(processes, logs, strict=True)
    ]
