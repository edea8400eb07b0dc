"""Training as a user runs it: what it leaves, exact resume, clean stops, one-line errors."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from training import interrupt_at, rows, train

from stylenet.config.compose import FOLDER
from stylenet.models.checkpoint import load_model
from stylenet.runs.curves import read_rows
from stylenet.runs.folder import CHECKPOINT
from stylenet.stylize import main as stylize

SMALL = [
    *(
        "trainer=cpu",
        "net.width=0.125",
        "net.blocks=1",
        "data.size=64",
        "callbacks.previews.height=48",
    ),
    *("+loss.content_layers.relu2_1=1", "~loss.content_layers.relu4_2"),
    *("~loss.style_layers.relu3_1", "~loss.style_layers.relu4_1", "~loss.style_layers.relu5_1"),
    *("task.style_size=64", "trainer.log_every_n_steps=2", "callbacks.resume.every=3"),
]

LEARNING = ["trainer.max_steps=120", "task.optimizer.lr=0.005", "loss.style_weight=20"]


@pytest.fixture
def style(tmp_path: Path, picture: np.ndarray) -> str:
    path = tmp_path / "drawn.png"
    Image.fromarray(picture).save(path)
    return f"style.image={path}"


def run(monkeypatch: pytest.MonkeyPatch, *overrides: str) -> int:
    return train(monkeypatch, "style=custom", *SMALL, *overrides)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return dict(load_model(folder).net.state_dict())


def test_a_run_leaves_everything_and_learns(
    tmp_path: Path, style: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    folder = tmp_path / "run"
    assert run(monkeypatch, style, f"run={folder}", *LEARNING) == 0
    assert {path.name for path in folder.iterdir()} == {
        *("model.pt", "preview.png", "losses.csv", "losses.png", "config.yaml", "result.yaml"),
        *(CHECKPOINT, "style.png", "overrides.yaml", "README.md"),
    }
    kept = yaml.safe_load((folder / "overrides.yaml").read_text())
    assert kept == ["style=custom", *SMALL, style, f"run={folder}", *LEARNING]
    assert (folder / "style.png").read_bytes() == (tmp_path / "drawn.png").read_bytes()
    style_loss = [float(row["style"]) for row in rows(folder)]
    assert len(style_loss) == 120
    assert np.mean(style_loss[-20:]) < 0.5 * np.mean(style_loss[:5])
    config = yaml.safe_load((folder / "config.yaml").read_text())
    assert load_model(folder).config == config
    assert config["style_picture"]["origin"] == "file"
    next_ones = capsys.readouterr().out.splitlines()[-2:]
    assert next_ones[0].endswith(f"stylenet stylize PHOTO_OR_FOLDER --model {folder} -o stylized/")
    assert next_ones[1].endswith(f"stylenet export {folder} -o run.onnx")
    with Image.open(folder / "preview.png") as sheet:
        colours = np.asarray(sheet)
    assert (colours != 255).mean() > 0.3


def test_a_card_comes_with_the_model_and_a_users_own_stays(
    tmp_path: Path, style: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    folder = tmp_path / "run"
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one.png").write_bytes((tmp_path / "drawn.png").read_bytes())
    licences = ["style.licence='CC BY 4.0'", "data.licence=CC0"]
    photos = ["data=folder", f"data.path={tmp_path / 'photos'}"]
    short = [*photos, style, *licences, f"run={folder}", "trainer.max_steps=6"]
    assert run(monkeypatch, *short, interrupt_at(2)) == 130
    assert not (folder / "README.md").exists()  # as there is no model
    assert run(monkeypatch, *short, "ckpt=last") == 0
    text = (folder / "README.md").read_text()
    assert "`drawn.png`; source: a file of its user's" in text
    assert "licence: `CC BY 4.0`, as whoever trained the model states it" in text
    assert "licence: `CC0`, as whoever" in text
    assert "- steps: 6\n" in text
    assert "data.path=photos " in text
    assert str(tmp_path) not in text
    (folder / "README.md").write_text("mine")
    capsys.readouterr()
    assert run(monkeypatch, *short, "ckpt=last") == 0
    assert (folder / "README.md").read_text() == "mine"
    assert "README.md is not a card as stylenet writes it" in capsys.readouterr().err


def test_a_run_goes_on_although_its_licences_are_stated_later(
    tmp_path: Path, style: str, monkeypatch: pytest.MonkeyPatch
):
    folder = tmp_path / "run"
    short = [style, f"run={folder}", "trainer.max_steps=6"]
    assert run(monkeypatch, *short, interrupt_at(2)) == 130
    config = yaml.safe_load((folder / "config.yaml").read_text())
    del config["style"]["licence"], config["style_picture"]["licence"], config["credits"]
    (folder / "config.yaml").write_text(yaml.safe_dump(config))  # as of earlier versions
    assert run(monkeypatch, *short, "style.licence=CC0", "ckpt=last") == 0
    assert "licence: `CC0`" in (folder / "README.md").read_text()


SMALL_TASKS = {
    "arbitrary": [
        *("trainer=cpu", "net.width=0.05", "data.size=32", "data.cache_side=64"),
        *("data.styles={folder}", "data.validation={folder}", "callbacks.previews.height=48"),
    ],
    "multistyle": [
        *("net.net.width=0.125", "net.net.blocks=1", "net.styles=[{folder}/drawn.png]"),
        *(part for part in SMALL if not part.startswith("net.")),
    ],
    "cyclegan": [
        *("trainer=cpu", "net.width=0.05", "task.critic.width=0.05", "data.size=32"),
        *("data.paintings={folder}", "callbacks.previews.height=48"),
    ],
}
"""Of experiments that are not on the main task: what makes them small."""


@pytest.mark.slow
def test_a_run_has_the_pictures_name_unless_it_is_given_one(
    tmp_path: Path, style: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    short = [style, "trainer.max_steps=2", "callbacks.resume=null"]
    assert run(monkeypatch, *short) == 0
    assert run(monkeypatch, *short, "name=mine") == 0
    for name in ("drawn", "mine"):
        [link] = [path for path in (tmp_path / "runs" / name).iterdir() if path.is_symlink()]
        assert load_model(link).config["style_picture"]["name"] == "drawn"


@pytest.mark.parametrize(
    "wrong", ["style.image=missing.png", "loss.style_weight=-1", "init=nothing", "data.path=x"]
)
def test_a_start_that_fails_leaves_nothing(
    tmp_path: Path, style: str, monkeypatch: pytest.MonkeyPatch, wrong: str
):
    monkeypatch.chdir(tmp_path)
    data = ["data=folder"] if "data" in wrong else []
    assert run(monkeypatch, style, *data, wrong) == 2
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("name", [path.stem for path in (FOLDER / "experiment").glob("*.yaml")])
def test_every_experiment_runs(
    name: str, tmp_path: Path, style: str, monkeypatch: pytest.MonkeyPatch
):
    folder = tmp_path / "run"
    small = SMALL_TASKS.get(name, ["style=custom", style, *SMALL])
    overrides = [override.format(folder=tmp_path) for override in small]
    experiment = [f"experiment={name}", f"run={folder}", "trainer.max_steps=2"]
    assert train(monkeypatch, *experiment, *overrides) == 0
    assert (folder / "model.pt").exists()


def test_a_sweep_leaves_a_run_for_each_value(
    tmp_path: Path, style: str, monkeypatch: pytest.MonkeyPatch
):
    sweep = [f"hydra.sweep.dir={tmp_path / 'sweep'}", "trainer.max_steps=2"]
    assert run(monkeypatch, "hydra.mode=MULTIRUN", style, "loss.style_weight=1,2", *sweep) == 0
    weights = [
        load_model(tmp_path / "sweep" / number).config["loss"]["style_weight"] for number in "01"
    ]
    assert weights == [1, 2]


def test_vgg_is_neither_trained_nor_kept(
    tmp_path: Path, style: str, monkeypatch: pytest.MonkeyPatch
):
    folder = tmp_path / "run"
    run(monkeypatch, style, f"run={folder}", "trainer.max_steps=3")
    state = torch.load(folder / CHECKPOINT, weights_only=True)["state_dict"]
    assert state
    assert all(name.startswith("net.") for name in state)


def assert_usable(run: Path) -> None:
    """A run that is not finished has a preview, and stands for the net of its checkpoint."""
    assert Image.open(run / "preview.png").size[0] > 100
    kept = torch.load(run / CHECKPOINT, weights_only=True)["state_dict"]
    for model in (run, run / CHECKPOINT):
        found = weights(model)
        assert found.keys() == {name.removeprefix("net.") for name in kept}
        assert all(torch.equal(found[name], kept[f"net.{name}"]) for name in found)
    photo, out = run.with_name("photo.png"), run.with_name("out.png")
    Image.new("RGB", (40, 50), "teal").save(photo)
    assert stylize([str(photo), "--model", str(run), "-o", str(out)]) == 0


def test_an_interrupted_run_ends_bit_identical_to_an_uninterrupted_one(
    tmp_path: Path, style: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert run(monkeypatch, style, f"run={whole}", "trainer.max_steps=10") == 0
    assert run(monkeypatch, style, f"run={parts}", "trainer.max_steps=10", interrupt_at(4)) == 130
    assert f"run={parts} ckpt=last" in capsys.readouterr().out
    assert len(rows(parts)) == 5
    assert not (parts / "model.pt").exists()
    assert_usable(parts)
    torch.rand(7)  # a resumed process has another random state
    assert run(monkeypatch, style, f"run={parts}", "trainer.max_steps=10", "ckpt=last") == 0
    expected, found = weights(whole), weights(parts)
    assert all(torch.equal(expected[name], found[name]) for name in expected)
    assert rows(parts) == rows(whole)


def test_a_killed_run_resumes_bit_identical(
    tmp_path: Path, style: str, monkeypatch: pytest.MonkeyPatch
):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    steps = "trainer.max_steps=60"
    command = [sys.executable, "-m", "stylenet.train", "style=custom", *SMALL, style]
    process = subprocess.Popen([*command, f"run={killed}", steps], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 300
    while not (killed / CHECKPOINT).exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert not (killed / "model.pt").exists(), "killed too late for this test to mean anything"
    assert run(monkeypatch, style, f"run={killed}", steps, "ckpt=last") == 0
    assert run(monkeypatch, style, f"run={whole}", steps) == 0
    expected, found = weights(whole), weights(killed)
    assert all(torch.equal(expected[name], found[name]) for name in expected)
    assert [row["step"] for row in rows(killed)] == [str(i) for i in range(1, 61)]
    seconds = [float(row["seconds"]) for row in read_rows(killed / "losses.csv")]
    assert seconds == sorted(seconds)
    assert seconds[-1] > 0


def test_the_seed_decides_the_weights(tmp_path: Path, style: str, monkeypatch: pytest.MonkeyPatch):
    states = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        run(monkeypatch, style, f"run={tmp_path / name}", "trainer.max_steps=3", f"seed={seed}")
        states.append(weights(tmp_path / name)["stem.0.weight"])
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_last_good_state(
    tmp_path: Path, style: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    folder = tmp_path / "run"
    options = ["trainer.max_steps=50", "task.optimizer.lr=1e20", "callbacks.resume.every=1"]
    assert run(monkeypatch, style, f"run={folder}", *options) == 2
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert "error: the loss became" in message
    assert "lower task.optimizer.lr" in message
    state = torch.load(folder / CHECKPOINT, weights_only=True)["state_dict"]
    assert all(torch.isfinite(weight).all() for weight in state.values())
    assert not (folder / "model.pt").exists()


def test_resuming_on_another_picture_is_refused(
    tmp_path: Path,
    style: str,
    picture: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    folder = tmp_path / "run"
    run(monkeypatch, style, f"run={folder}", "trainer.max_steps=3")
    Image.fromarray(255 - picture).save(tmp_path / "drawn.png")
    assert run(monkeypatch, style, f"run={folder}", "trainer.max_steps=3", "ckpt=last") == 2
    assert "style_picture.sha256" in capsys.readouterr().err


def test_a_damaged_or_lost_state_is_named_on_one_line(
    tmp_path: Path, style: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    folder = tmp_path / "run"
    resume = (style, f"run={folder}", "trainer.max_steps=3", "ckpt=last")
    run(monkeypatch, *resume[:-1])
    state = folder / CHECKPOINT
    state.write_bytes(state.read_bytes()[:1000])
    for damage, named in (
        (lambda: None, f"error: {state} is no training checkpoint"),
        (lambda: torch.save({"weights": {}}, state), f"error: {state} is no training checkpoint"),
        ((folder / "config.yaml").unlink, f"error: {folder / 'config.yaml'} is missing"),
    ):
        damage()
        capsys.readouterr()
        assert run(monkeypatch, *resume) == 2
        assert capsys.readouterr().err.strip().splitlines()[-1].startswith(named)


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("style=mona_lisa", "starry_night"),
        ("trainer.max_stepz=3", "trainer.max_stepz"),
        ("style.image=null", "style.image=PATH"),
        ("style.image=/missing.png", "/missing.png"),
        ("task.vgg.weights=/missing.pt", "/missing.pt"),
        ("task.vgg.architecture=vgg11", "vgg11"),
        ("net.norm=layer", "net.norm=layer"),
        ("+loss.style_layers.relu9_9=1", "relu9_9"),
        ("trainer.precision=tiny", "tiny"),
        ("trainer.max_steps=many", "many"),
        ("trainer.max_steps=0", "trainer.max_steps=0 should be"),
        ("trainer.log_every_n_steps=0", "trainer.log_every_n_steps=0 should be"),
        ("callbacks.resume.every=0", "callbacks.resume.every=0 should be"),
        ("+trainer.accumulate_grad_batches=2", "use data.batch_size"),
        ("task.optimizer.lr=fast", "fast"),
        ("seed=abc", "abc"),
        ("ckpt=last", "run"),
        ("ckpt=/missing.ckpt", "/missing.ckpt"),
        ("run=/dev/null/run", "/dev/null"),
        ("data.size=-3", "size"),
        ("net._target_=stylenet.nets.nothing", "stylenet.nets.nothing"),
        ("style=", "style"),
        pytest.param(
            *("trainer=gpu", "use trainer=cpu"),
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU"),
        ),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    override: str,
    named: str,
    tmp_path: Path,
    style: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.chdir(tmp_path)
    overrides = [style, "run=run", "trainer.max_steps=2", override]
    assert run(monkeypatch, *overrides) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    assert named in lines[0]
    assert not (tmp_path / "run" / "model.pt").exists()


def test_a_task_that_learns_a_picture_needs_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    assert train(monkeypatch, "style=none", "style.name=x", f"run={tmp_path}", "trainer=cpu") == 2
    assert capsys.readouterr().err.startswith("error: style=none: this task learns from a picture")


def test_a_full_disk_is_one_line_and_leaves_the_last_checkpoint_whole(tmp_path: Path, style: str):
    """A file-size limit stands in for the full disk: writes fail half-way, as they would there."""
    folder = tmp_path / "run"
    command = ["-m", "stylenet.train", "style=custom", *SMALL, style, f"run={folder}"]
    limit = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))"
    code = f"import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); {limit}; "
    code += f"import runpy; sys.argv = {command[1:]!r}; "
    code += "runpy.run_module('stylenet.train', run_name='__main__')"
    environment = {**os.environ, "STYLENET_CACHE": os.environ["STYLENET_CACHE"] + "-full"}
    ended = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert ended.returncode == 2, ended.stderr
    *warnings, error = ended.stderr.strip().splitlines()
    assert all("kernels" in warning for warning in warnings)  # which could not be compiled, either
    assert error.startswith("error: ")
    assert "File too large" in error
    assert not list(folder.glob("*.pt"))
    assert not list(folder.glob(".*"))
