"""Multiruns as a user runs them: a failure ends nothing, the same command does what is missing."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import OmegaConf
from PIL import Image

from stylenet.config.compose import FOLDER, sweep_folder
from stylenet.runs.sweep_progress import jobs
from stylenet.runs.sweeps import ERROR, OVERRIDES, RESULT, imbalance

SMALL = [
    *("trainer=cpu", "trainer.max_steps=2", "net.width=0.125", "net.blocks=1", "data.size=64"),
    *("+loss.content_layers.relu2_1=1", "~loss.content_layers.relu4_2"),
    *("~loss.style_layers.relu3_1", "~loss.style_layers.relu4_1", "~loss.style_layers.relu5_1"),
    *("task.style_size=64", "callbacks.previews.height=48"),
]

OPTUNA = "hydra_plugins.hydra_optuna_sweeper"


@pytest.fixture
def place(tmp_path: Path, picture: np.ndarray) -> Path:
    (tmp_path / "photos").mkdir()
    Image.fromarray(picture).save(tmp_path / "photos" / "one.png")
    (tmp_path / "unseen").mkdir()
    Image.fromarray(picture[::-1]).save(tmp_path / "unseen" / "two.png")
    Image.fromarray(picture).save(tmp_path / "style.png")
    return tmp_path


def sweep(place: Path, *overrides: str) -> subprocess.CompletedProcess[str]:
    own = ["style=custom", f"style.image={place}/style.png", "data=folder"]
    photos = [f"data.path={place}/photos", f"data.validation={place}/unseen"]
    command = [sys.executable, "-m", "stylenet.train", "-m", *own, *photos, *SMALL, *overrides]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True)


@pytest.mark.slow
def test_a_failed_run_ends_nothing_and_the_same_command_does_what_is_missing(place: Path):
    first = sweep(place, "loss.content_weight=1,-1,2")
    assert first.returncode == 2
    begun = re.findall(r"^(\d of \d): .*/(\d): .*(loss.content_weight=-?\d)", first.stderr, re.M)
    weights = [f"loss.content_weight={weight}" for weight in (1, -1, 2)]
    assert begun == [
        ("1 of 3", "0", weights[0]),
        ("2 of 3", "1", weights[1]),
        ("3 of 3", "2", weights[2]),
    ]
    assert "\x1b" not in first.stderr
    [folder] = (place / "runs" / "sweeps").iterdir()
    assert [(folder / n / "model.pt").exists() for n in "012"] == [True, False, True]
    assert "loss.content_weight=-1" in (folder / "1" / ERROR).read_text()
    assert "loss.content_weight=2" in yaml.safe_load((folder / "2" / OVERRIDES).read_text())
    assert yaml.safe_load((folder / "0" / RESULT).read_text())["content"] > 0

    (folder / "2" / "model.pt").unlink()
    (folder / "2" / "config.yaml").write_text("seed: 5\n")  # of an older stylenet, say
    made = (folder / "0" / "model.pt").stat().st_mtime_ns
    again = sweep(place, "loss.content_weight=1,-1,2")
    assert [*(place / "runs" / "sweeps").iterdir()] == [folder]
    assert f"report runs/sweeps/{folder.name} shows the others" in again.stderr.splitlines()[-1]
    assert (folder / "0" / "model.pt").stat().st_mtime_ns == made
    assert again.stderr.count("done before") == 1
    assert (folder / "2" / "model.pt").exists()
    assert (folder / "2" / "earlier.1" / "last.ckpt").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("plugin", "override"),
    [
        ("hydra_joblib_launcher", "hydra/launcher=joblib"),
        ("hydra_submitit_launcher", "hydra/launcher=submitit_local"),
    ],
)
def test_runs_at_the_same_time(place: Path, plugin: str, override: str):
    if importlib.util.find_spec(f"hydra_plugins.{plugin}") is None:
        pytest.skip(f"{plugin} is not installed")
    done = sweep(place, "loss.content_weight=1,2", override)
    assert done.returncode == 0, done.stderr
    [folder] = (place / "runs" / "sweeps").iterdir()
    assert all((folder / n / "model.pt").exists() for n in "01")


def test_optuna_searches_for_the_smallest_score(place: Path):
    if importlib.util.find_spec(OPTUNA) is None:
        pytest.skip(f"{OPTUNA} is not installed")
    done = sweep(place, "sweep=optuna", "hydra.sweeper.n_trials=3")
    assert done.returncode == 0, done.stderr
    [folder] = (place / "runs" / "sweeps").iterdir()
    assert "\n3 of 3: " in done.stderr
    assert done.stdout.endswith(f"stylenet report runs/sweeps/{folder.name}\n")
    best = yaml.safe_load((folder / "optimization_results.yaml").read_text())["best_value"]
    scores = []
    for n in "012":
        terms = yaml.safe_load((folder / n / RESULT).read_text())
        config = yaml.safe_load((folder / n / "config.yaml").read_text())
        scores.append(imbalance(terms, config["loss"] | config["measured"]))
    assert best == pytest.approx(min(scores))


@pytest.mark.parametrize(
    ("overrides", "count"),
    [
        (["style=udnie,great_wave", "loss.style_weight=1,2,3", "seed=1"], 6),
        (["seed=range(0,5)"], 5),
        (["sweep=content_style"], 12),
        (["sweep=content_style", "seed=1,2"], 24),
        (["sweep=optuna"], 12),
        (["seed=1"], 1),
        (["style=glob(*)"], None),
    ],
)
def test_the_jobs_of_a_sweep_are_counted(overrides: list[str], count: int | None):
    if "sweep=optuna" in overrides and not importlib.util.find_spec(OPTUNA):
        pytest.skip(f"{OPTUNA} is not installed")
    with initialize_config_dir(str(FOLDER), version_base="1.3") as _:
        loader = GlobalHydra.instance().config_loader()
        cfg = loader.load_configuration("train", overrides, RunMode.MULTIRUN)
        assert jobs(cfg) == count


@pytest.mark.parametrize("choice", sorted(p.stem for p in (FOLDER / "sweep").glob("*.yaml")))
def test_every_sweep_composes(choice: str):
    with initialize_config_dir(str(FOLDER), version_base="1.3"):
        cfg = compose("train", [f"sweep={choice}"], return_hydra_config=True)
    for key in cfg.hydra.sweeper.params:
        value = cfg
        for part in str(key).split("."):
            value = value[part]
        assert value is not None


@pytest.mark.parametrize(
    ("plugin", "launcher", "option"),
    [
        ("hydra_submitit_launcher", "submitit_slurm", "hydra.launcher.partition=gpu"),
        ("hydra_ray_launcher", "ray", "hydra.launcher.ray.init.address=auto"),
    ],
)
def test_launchers_of_clusters_compose(plugin: str, launcher: str, option: str):
    if importlib.util.find_spec(f"hydra_plugins.{plugin}") is None:
        pytest.skip(f"{plugin} is not installed")
    key, value = option.split("=")
    with initialize_config_dir(str(FOLDER), version_base="1.3"):
        overrides = [f"hydra/launcher={launcher}", f"+{option}", "sweep=content_style"]
        cfg = compose("train", overrides, return_hydra_config=True)
    assert plugin in cfg.hydra.launcher._target_
    assert OmegaConf.select(cfg, key) == value


def test_the_folder_is_the_commands_own():
    one = ["style=a,b", "loss.style_weight=1,2", "trainer.max_steps=3"]
    assert sweep_folder(one) == sweep_folder([*one, "hydra/launcher=joblib"])
    assert sweep_folder(one) != sweep_folder([*one[:2], "trainer.max_steps=4"])
    assert sweep_folder(one) != sweep_folder([*reversed(one)])  # run 1 is another then


def test_balance_is_reached_where_both_terms_weigh_the_same():
    weights = {"content_weight": 2.0, "style_weight": 10.0}
    assert imbalance({"content": 5.0, "style": 1.0}, weights) == pytest.approx(0)
    more = imbalance({"content": 5.0, "style": 2.0}, weights)
    assert more == pytest.approx(imbalance({"content": 5.0, "style": 0.5}, weights))
    assert more > 0
