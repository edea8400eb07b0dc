"""What real runs leave with wandb and TensorBoard, and what is said where those cannot work."""

import json
import os
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from wandb.proto.wandb_internal_pb2 import Record

from stylenet.callbacks.curves import NO_TERMS
from stylenet.callbacks.loggers import Wandb
from stylenet.config import compose as configs
from stylenet.runs.curves import read_rows
from stylenet.system.errors import UserError
from stylenet.training import train

STEPS = 3
OVERRIDES = [
    *("style=custom", "data=folder", "trainer=cpu", f"trainer.max_steps={STEPS}"),
    *("net.width=0.125", "net.blocks=1", "data.size=64", "task.style_size=64"),
    *("~loss.style_layers.relu3_1", "~loss.style_layers.relu4_1", "~loss.style_layers.relu5_1"),
    *("+loss.content_layers.relu2_1=1", "~loss.content_layers.relu4_2"),
    *("trainer.log_every_n_steps=1", "callbacks.previews.every=2", "callbacks.previews.height=48"),
]
OFFLINE = ["logger=wandb", "logger.wandb.offline=true"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of pictures; within it, empty ones to work in and to be at home in."""
    folder = tmp_path_factory.mktemp("loggers")
    for name in ("photos", "held_out", "here", "home"):
        (folder / name).mkdir()
    for name in ("photos/photo", "held_out/photo", "style"):
        colours = np.random.default_rng(len(name)).integers(0, 256, (4, 5, 3), np.uint8)
        drawn = Image.fromarray(colours).resize((100, 80), Image.Resampling.BICUBIC)
        drawn.save(folder / f"{name}.png")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("WANDB_")]:
            patch.delenv(name)
        patch.delenv("NETRC", raising=False)
        patch.setenv("HOME", str(folder / "home"))
        patch.setenv("STYLENET_CACHE", str(folder / "cache"))
        patch.chdir(folder / "here")
        yield folder


def overrides(place: Path, run: Path, *more: str) -> list[str]:
    photos = [f"data.path={place}/photos", f"data.validation={place}/held_out"]
    return [*OVERRIDES, f"style.image={place}/style.png", *photos, f"run={run}", *more]


def fit(place: Path, name: str, *more: str) -> Path:
    """Train in this process; the run's folder."""
    run = place / name
    with initialize_config_dir(str(configs.FOLDER), version_base="1.3"):
        cfg = compose("train", overrides=overrides(place, run, *more))
    assert train(cfg)
    return run


def terms(run: Path) -> dict[str, list[float]]:
    """Each loss term over the steps, as ``losses.csv`` has it."""
    rows = read_rows(run / "losses.csv")
    assert len(rows) == STEPS
    names = rows[0].keys() - NO_TERMS
    return {f"loss/{name}": [float(row[name]) for row in rows] for name in names}


@dataclass
class WandbLog:
    """The transaction log that ``wandb sync`` would send."""

    folder: Path

    def records(self) -> Iterator[Record]:
        """LevelDB's log format: blocks of 32 KiB, of pieces with sum, length and kind."""
        [log] = self.folder.glob("*.wandb")
        data, at, piece = log.read_bytes(), 7, b""
        while at + 7 <= len(data):
            if (left := 32768 - at % 32768) < 7:
                at += left
                continue
            _, length, kind = struct.unpack_from("<IHB", data, at)
            if at + 7 + length > len(data):  # still being written
                return
            piece += data[at + 7 : at + 7 + length]
            at += 7 + length
            if kind in (1, 4):  # a whole record, or the last piece of one
                yield Record.FromString(piece)
                piece = b""

    def history(self, key: str) -> list[Any]:
        """Every value logged under `key`."""
        items = [item for r in self.records() for item in r.history.item]
        return [json.loads(i.value_json) for i in items if [i.key, *i.nested_key][-1] == key]

    def config(self) -> dict[str, Any]:
        """What was logged as the run's config."""
        updates = [update for record in self.records() for update in record.config.update]
        return {update.key: json.loads(update.value_json) for update in updates}

    def exit_codes(self) -> list[int]:
        """One, if the run was ended properly."""
        return [r.exit.exit_code for r in self.records() if r.WhichOneof("record_type") == "exit"]

    def artifacts(self, kind: str) -> list[dict[str, Path]]:
        """The files of each artifact of a kind: name in it → where it waits to be sent."""
        found = [r.artifact for r in self.records() if r.WhichOneof("record_type") == "artifact"]
        return [
            {entry.path: Path(entry.local_path) for entry in artifact.manifest.contents}
            for artifact in found
            if artifact.type == kind
        ]

    def previews(self) -> list[np.ndarray]:
        """The sheets, oldest first."""
        pictures = (self.folder / "files" / "media" / "images").glob("preview_*")
        numbered = {int(path.name.split("_")[1]): path for path in pictures}
        return [np.asarray(Image.open(path)) for _, path in sorted(numbered.items())]


def wandb_log(run: Path) -> WandbLog:
    """The log, once wandb's process has written all of it, which may be after the run's end."""
    [folder] = run.glob("wandb/offline-run-*")
    log = WandbLog(folder)
    for _ in range(100):
        if log.exit_codes():
            break
        time.sleep(0.1)
    return log


@pytest.fixture(scope="module")
def wandb_runs(place: Path) -> dict[str, Path]:
    """Two runs of one process, the first of which fails."""
    with pytest.raises(UserError, match="the loss became"):
        fit(place, "failed", *OFFLINE, "task.optimizer.lr=1e20")
    return {"failed": place / "failed", "good": fit(place, "good", *OFFLINE, "seed=7")}


def test_wandb_has_every_term_of_every_step(wandb_runs: dict[str, Path]):
    log = wandb_log(wandb_runs["good"])
    for name, values in terms(wandb_runs["good"]).items():
        assert log.history(name) == pytest.approx(values)


def test_wandb_has_the_resolved_config(wandb_runs: dict[str, Path]):
    config = wandb_log(wandb_runs["good"]).config()
    assert config["style"]["name"] == "style"
    assert config["style_picture"]["origin"] == "file"
    assert "${" not in str(config["trainer"])
    assert config["data"]["seed"] == config["seed"] == 7


def test_wandb_has_each_preview_once(wandb_runs: dict[str, Path]):
    run = wandb_runs["good"]
    early, late = wandb_log(run).previews()
    final = np.asarray(Image.open(run / "preview.png"))
    assert np.array_equal(late, final)
    assert early.shape == final.shape
    assert not np.array_equal(early, final)


def test_wandb_has_a_table_of_the_previews_by_step(wandb_runs: dict[str, Path]):
    [files] = wandb_log(wandb_runs["good"]).artifacts("run_table")
    content = json.loads(files["previews.table.json"].read_text())
    assert content["columns"] == ["step", "photo", "original", "stylised"]
    assert [row[:2] for row in content["data"]] == [[2, "photo.png"], [STEPS, "photo.png"]]
    for row in content["data"]:
        original, stylized = (np.asarray(Image.open(files[cell["path"]])) for cell in row[2:])
        assert original.shape == stylized.shape
        assert not np.array_equal(original, stylized)


def test_wandb_keeps_the_model_as_an_artifact(wandb_runs: dict[str, Path]):
    failed, good = (wandb_log(wandb_runs[name]) for name in ("failed", "good"))
    assert not failed.artifacts("model")
    [files] = good.artifacts("model")
    assert files["model.pt"].read_bytes() == (wandb_runs["good"] / "model.pt").read_bytes()


def test_wandb_ends_each_run_with_its_training(wandb_runs: dict[str, Path]):
    failed, good = (wandb_log(wandb_runs[name]) for name in ("failed", "good"))
    assert (failed.exit_codes(), good.exit_codes()) == ([1], [0])
    assert failed.config()["seed"] == 0
    assert "WANDB_MODE" not in os.environ  # or a later run, not offline, would be so in silence


def test_wandb_leaves_nothing_but_its_cache_and_what_is_to_be_sent_beside_the_run(
    wandb_runs: dict[str, Path], place: Path
):
    assert not list((place / "here").iterdir())
    beside = [path for path in (place / "home").rglob("*") if path.is_file()]
    assert {path.relative_to(place / "home").parts[0] for path in beside} <= {".cache", ".local"}


@pytest.fixture(scope="module")
def events(place: Path) -> tuple[Path, EventAccumulator]:
    run = fit(place, "tensorboard", "logger=tensorboard")
    accumulator = EventAccumulator(str(run / "tensorboard"))
    accumulator.Reload()
    return run, accumulator


def test_tensorboard_has_every_term_of_every_step(events: tuple[Path, EventAccumulator]):
    run, found = events
    for name, values in terms(run).items():
        assert [event.value for event in found.Scalars(name)] == pytest.approx(values)


def test_tensorboard_has_the_previews(events: tuple[Path, EventAccumulator]):
    run, found = events
    early, late = found.Images("preview")
    with Image.open(run / "preview.png") as final:
        assert (late.width, late.height) == (early.width, early.height) == final.size
    assert (early.step, late.step) == (2, STEPS)


def test_tensorboard_has_the_config(events: tuple[Path, EventAccumulator]):
    _, found = events
    content = found.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    config = HParamsPluginData.FromString(content).session_start_info.hparams
    assert config["style/name"].string_value == "style"
    assert config["data/size"].number_value == 64


def command_line(place: Path, setup: str, *more: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, without a terminal, after the code in `setup`."""
    argv = ["stylenet.train", *overrides(place, place / "refused", *more)]
    run = f"sys.argv = {argv!r}; runpy.run_module('stylenet.train', run_name='__main__')"
    return subprocess.run(
        [sys.executable, "-c", f"import runpy, sys; {setup}; {run}"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_wandb_without_a_login_is_one_line(place: Path):
    ended = command_line(place, "pass", "logger=wandb")
    assert ended.returncode == 2
    assert ended.stderr == (
        "error: logger=wandb is not logged in; run `wandb login` or add logger.wandb.offline=true\n"
    )


def test_tensorboard_that_is_not_installed_is_one_line(place: Path):
    # What Python does with a package that is not there.
    ended = command_line(place, "sys.modules['tensorboard'] = None", "logger=tensorboard")
    assert ended.returncode == 2
    assert ended.stderr == (
        "error: logger=tensorboard is not installed; run pip install 'stylenet[tensorboard]'\n"
    )


def test_a_resumed_training_goes_on_with_its_run(place: Path):
    ids = []
    for folder in ("resumed", "resumed", "another"):
        logger = Wandb(offline=True, save_dir=str(place / folder), project="stylenet")
        ids.append(logger.experiment.id)
        logger.end(None)
    assert ids[0] == ids[1] != ids[2]


def test_without_wandb_its_logger_alone_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(UserError, match="logger=wandb is not installed; run pip install wandb"):
        Wandb(True, str(tmp_path))


def test_a_training_loads_neither_wandb_nor_datasets_before_they_are_asked_for():
    code = "import sys, stylenet.training; print({'wandb', 'datasets'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
