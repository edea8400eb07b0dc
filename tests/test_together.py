"""Several processes train as one: the same weights, one set of files, one end."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from processes import train_together
from training import interrupt_at, rows, train

from stylenet.config.compose import composed
from stylenet.models.checkpoint import load_model
from stylenet.runs.folder import CHECKPOINT

SMALL = [
    *("callbacks.previews.height=48", "trainer.precision=32-true", "trainer.log_every_n_steps=5"),
    *("callbacks.resume.every=5", "data.cache_side=64"),
]

LOSS = [
    *("+loss.content_layers.relu2_1=1", "~loss.content_layers.relu4_2", "task.style_size=64"),
    *(f"~loss.style_layers.relu{block}_1" for block in (3, 4, 5)),
]

SMOOTH = ["+task.optimizer.eps=1", "task.optimizer.lr=3e-4"]
"""Muon and Adam step as far for a gradient of nothing but rounding as for any other. So rounding
would soon be all over the weights, also of a single process. A large epsilon keeps it small."""

STYLE = [
    "style=custom",
    "style.image={folder}/pictures/drawn.png",
    "net.width=0.125",
    "net.blocks=1",
    *LOSS,
]

TASKS = {
    "perceptual": [*STYLE, "data.size=32", "task.optimizer.cautious=false"],
    "multistyle": [
        *("experiment=multistyle", "net.net.width=0.125", "net.net.blocks=1", "data.size=32"),
        *(
            "net.styles=[{folder}/pictures/drawn.png,{folder}/pictures/other.png,{folder}/pictures/third.png]",
            *LOSS,
        ),
    ],
    "arbitrary": [
        *(
            "experiment=arbitrary",
            "net.width=0.05",
            "data.size=32",
            "data.styles={folder}/pictures",
        ),
        "task.preview.image={folder}/pictures/drawn.png",
    ],
    "cyclegan": [
        *("experiment=cyclegan", "net=johnson", "net.width=0.125", "net.blocks=1", "data.size=64"),
        *("task.critic.width=0.05", "task.pool=5", "data.paintings={folder}/pictures"),
        # At ten times the rate, rounding grows a thousandfold in ten steps.
        *("task.optimizer.lr=3e-5", "task.critic_lr=3e-5"),
    ],
}


@pytest.fixture
def folder(tmp_path: Path, picture: np.ndarray) -> Path:
    """Of three pictures."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for turn, name in enumerate(("drawn", "other", "third")):
        Image.fromarray(np.roll(picture, turn, axis=2)).save(pictures / f"{name}.png")
    return tmp_path


def small(name: str, folder: Path, *overrides: str) -> list[str]:
    return [*SMALL, *overrides, *(one.format(folder=folder) for one in TASKS[name])]


def state(run: Path) -> dict[str, torch.Tensor]:
    found = torch.load(run / CHECKPOINT, weights_only=True)["state_dict"]
    assert isinstance(found, dict)
    return found


def flat(weights: dict[str, torch.Tensor]) -> torch.Tensor:
    return torch.cat([value.flatten() for value in weights.values()])


@pytest.mark.slow
@pytest.mark.parametrize("name", TASKS)
def test_two_processes_find_the_weights_of_one(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    """At the same batch in all. The distance is that of all weights, over their length."""
    one, two, calls = folder / "one", folder / "two", folder / "calls.txt"
    common = small(name, folder, *SMOOTH)
    steps = "trainer.max_steps=50"
    alone = [*common, "trainer=cpu", "data.batch_size=2"]
    assert train(monkeypatch, *alone, "trainer.max_steps=1", f"run={folder / 'begun'}") == 0
    assert train(monkeypatch, *alone, steps, f"run={one}") == 0
    count = f"+callbacks.count={{_target_: training.CountExchanges, file: {calls}}}"
    ended = train_together(folder, *common, "data.batch_size=1", steps, f"run={two}", count)
    assert [code for code, _ in ended] == [0, 0], ended
    assert ended[1][1] == ""  # the first process speaks for both
    expected, found = state(one), state(two)
    assert expected.keys() == found.keys()
    distance = (flat(found) - flat(expected)).norm() / flat(expected).norm()
    begun = {key: value for key, value in state(folder / "begun").items() if "pools" not in key}
    trained = flat({key: expected[key] for key in begun})
    moved = (flat(begun) - trained).norm() / trained.norm()
    assert distance < 1e-5
    assert moved > 100 * distance
    for mine, other in zip(rows(two), rows(one), strict=True):
        for term in mine:
            assert float(mine[term]) == pytest.approx(float(other[term]), rel=1e-3, abs=1e-7)
    noted = [line.split() for line in calls.read_text().splitlines()]
    saved = [step for step, *exchanges in noted if exchanges]
    assert len(noted) == 49
    assert all(int(step) % 5 == 0 for step in saved), noted


@pytest.mark.slow
def test_one_process_logs_calibrates_and_caches_for_all(folder: Path):
    run = folder / "run"
    common = small("perceptual", folder, "trainer.max_steps=6", "loss.strength=0.5")
    logging = ["logger=wandb", "logger.wandb.offline=true", f"run={run}"]
    ended = train_together(folder, *common, *logging)
    assert [code for code, _ in ended] == [0, 0], ended
    assert len(list((run / "wandb").glob("offline-run-*"))) == 1
    [cache] = (Path(os.environ["STYLENET_CACHE"]) / "photos").glob("*.rgb")
    assert cache.stat().st_size
    assert [row["step"] for row in rows(run)] == [str(step) for step in range(1, 7)]
    config = load_model(run).config
    assert config["processes"] == 2
    assert config["measured"]["style_weight"] > 0


@pytest.mark.slow
def test_a_signal_to_one_process_ends_all_and_the_run_goes_on_exactly(folder: Path):
    whole, parts = folder / "whole", folder / "parts"
    common = small("cyclegan", folder, "trainer.max_steps=12")
    assert [code for code, _ in train_together(folder, *common, f"run={whole}")] == [0, 0]
    stop = interrupt_at(7).replace("step: 7", "step: 7, rank: 1")
    ended = train_together(folder, *common, f"run={parts}", stop)
    assert [code for code, _ in ended] == [130, 0], ended
    assert f"{parts} is saved" in ended[0][1]
    assert len(rows(parts)) == 8
    resumed = train_together(folder, *common, f"run={parts}", "ckpt=last")
    assert [code for code, _ in resumed] == [0, 0], resumed
    expected, found = state(whole), state(parts)
    assert all(torch.equal(expected[name], found[name]) for name in expected)
    assert rows(whole) == rows(parts)
    alone = train_together(folder, *common, f"run={parts}", "ckpt=last", world=1)
    assert alone[0][0] == 2
    assert "was started with" in alone[0][1]


@pytest.mark.slow
def test_a_loss_of_one_process_that_is_no_number_ends_all(folder: Path):
    ruin = "+callbacks.ruin={_target_: training.RuinLossOf, rank: 1, step: 3}"
    run = folder / "run"
    common = small("perceptual", folder, f"run={run}", "trainer.max_steps=50", ruin)
    ended = train_together(folder, *common)
    assert [code for code, _ in ended] == [2, 2]
    assert "error: the loss became nan after step 3" in ended[0][1]
    assert torch.isfinite(flat(state(run))).all()


@pytest.fixture
def started(folder: Path) -> Iterator[tuple[Path, "subprocess.Popen[str]"]]:
    """The command line with two processes, of which Lightning starts the second, in a step."""
    run = folder / "run"
    command = [sys.executable, "-m", "stylenet.train", "trainer=ddp", "trainer.accelerator=cpu"]
    command += ["trainer.devices=2", *small("perceptual", folder, "trainer.max_steps=9999")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen([*command, f"run={run}"], env=environment, **pipes) as process:
        deadline = time.monotonic() + 300
        while not (run / CHECKPOINT).exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        yield run, process
        process.kill()


def child_of(process: int) -> int:
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return next(int(child) for child in children if "LOCAL_RANK=1" in environ_of(int(child)))


def environ_of(process: int) -> str:
    return Path(f"/proc/{process}/environ").read_text()


def is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.slow
@pytest.mark.parametrize("lost", [0, 1])
def test_a_lost_process_ends_all_in_one_line(
    lost: int, started: tuple[Path, "subprocess.Popen[str]"], folder: Path
):
    run, process = started
    both = process.pid, child_of(process.pid)
    os.kill(both[lost], signal.SIGKILL)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == (-signal.SIGKILL if lost == 0 else 2)
    assert not any(map(is_running, both))
    errors = [line for line in said.splitlines() if "error" in line.lower()]
    assert len(errors) == 1, said
    assert errors[0].startswith(f"error: process {lost}")
    assert errors[0].endswith("by ckpt=last")
    assert "Traceback" not in said
    assert torch.isfinite(flat(state(run))).all()


@pytest.mark.slow
def test_ctrl_c_to_the_first_process_ends_both(started: tuple[Path, "subprocess.Popen[str]"]):
    run, process = started
    child = child_of(process.pid)
    os.kill(process.pid, signal.SIGINT)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 130
    assert f"{run} is saved" in said
    assert not is_running(child)


@pytest.mark.slow
def test_torchrun_starts_the_processes(folder: Path):
    run = folder / "run"
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "-m"]
    command += ["stylenet.train", "trainer=ddp", "trainer.accelerator=cpu", f"run={run}"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    overrides = small("perceptual", folder, "trainer.max_steps=3")
    subprocess.run([*command, *overrides], env=environment, check=True, timeout=300)
    assert yaml.safe_load((run / "config.yaml").read_text())["trainer"]["devices"] == 2
    assert load_model(run).config["processes"] == 2


@pytest.mark.parametrize(
    ("variables", "devices", "nodes"),
    [
        ({}, -1, 1),
        ({"LOCAL_WORLD_SIZE": "4", "GROUP_WORLD_SIZE": "2"}, 4, 2),  # torchrun
        ({"SLURM_NTASKS_PER_NODE": "8", "SLURM_NNODES": "3"}, 8, 3),
    ],
)
def test_launchers_tell_how_many_processes_there_are(
    variables: dict[str, str], devices: int, nodes: int, monkeypatch: pytest.MonkeyPatch
):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    trainer = composed(["trainer=ddp", "trainer.accelerator=cpu"]).trainer
    assert (trainer.strategy, trainer.devices, trainer.num_nodes) == ("ddp", devices, nodes)


@pytest.mark.parametrize(
    "chosen",
    [
        ["trainer=ddp", "trainer.devices=4", "trainer.num_nodes=2"],
        ["trainer=cpu", "+trainer.strategy=ddp", "trainer.devices=2"],
    ],
)
def test_the_documented_settings_are_settings(chosen: list[str]):
    trainer = composed([*chosen, "trainer.accelerator=cpu"]).trainer
    assert trainer.strategy == "ddp"
