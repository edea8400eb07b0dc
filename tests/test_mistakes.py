"""Mistakes on the command line of training: one line that names the thing and the mend, code 2."""

import shlex
import subprocess
import sys
import traceback
from pathlib import Path

import numpy as np
import pytest
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.utils import instantiate
from omegaconf import OmegaConf
from PIL import Image
from training import interrupt_at, train

from stylenet import launch as training
from stylenet.config.compose import CHECKPOINT, composed
from stylenet.models.checkpoint import load_model
from stylenet.optimize import main as optimize
from stylenet.prepare import main as prepare
from stylenet.system.program import program

TINY = [
    *("trainer=cpu", "trainer.max_steps=2", "net.width=0.125", "net.blocks=1", "data.size=64"),
    *("+loss.content_layers.relu2_1=1", "~loss.content_layers.relu4_2"),
    *("~loss.style_layers.relu3_1", "~loss.style_layers.relu4_1", "~loss.style_layers.relu5_1"),
    *("task.style_size=64", "callbacks.previews.height=48", "style=custom"),
]


@pytest.fixture
def place(tmp_path: Path, picture: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> Path:
    Image.fromarray(picture).save(tmp_path / "drawn.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on stderr."""
    [line] = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("error: ")
    return line


MISTAKES = {
    "experiment=multistlye": "did you mean experiment=multistyle?",
    "experiment=[hour,vidoe]": "did you mean experiment=video?",
    "scene=nope": "There are art, medical, realtime",
    "sweep=optun": "did you mean sweep=optuna?",
    "style=stary_night": "did you mean style=starry_night?",
    "+data/paintings=wikart": "did you mean data/paintings=wikiart?",
    "hydra/launcher=joblibb": "did you mean hydra/launcher=joblib?",
    "stle=udnie": "did you mean style=udnie?",
    "lr=0.1": "did you mean task.optimizer.lr=0.1?",
    "+lr=0.1": "did you mean task.optimizer.lr?",
    "++lr=0.1": "did you mean task.optimizer.lr?",
    "epochs=3": "did you mean trainer.max_steps=3?",
    "batch_size=4": "did you mean data.batch_size=4?",
    "loss.content_wieght=2": "did you mean loss.content_weight=2?",
    "trainer.max_time=00:00:01:00": "which Trainer takes",
    "~loggr": "did you mean logger?",
    "qqqq=3": "there are seed, init, ckpt",
    "+net.width=0.5": "leave out the +",
    "data.path=My Photos (2024)": "write 'data.path=\"My Photos (2024)\"'",
    "style.image=Käse.jpg": "write 'style.image=\"Käse.jpg\"'",
    "run=a[b]": "write 'run=\"a[b]\"'",
    "run=[a]": "written 'run=\"[a]\"'",
    "run={a: b}": "written 'run=\"{a: b}\"'",
    "run=a,b": "written 'run=\"a,b\"'",
    "run=a${b}": "no name may hold it",
    'run="a\\${b}"': "no name may hold it",
    "init=a${b}": "no name may hold it",
    'init="a\\${b}"': "no name may hold it",
    "style=3": "choose one of composition_vii",
    "run=": "run= is empty; name a folder",
    "run=''": "run= is empty; name a folder",
    "hydra.run.dir=": "run= is empty; name a folder",
    "run=/proc/x": "cannot write /proc/x (No such file or directory)",
    "run=null": "run=null should be text",
    "run=drawn.png": "drawn.png",
    "run=drawn.png/run": "drawn.png",
    "data.path": "write KEY=VALUE",
    "=3": "is no key",
    "a..b=3": "a..b is no key",
    "--style=udnie": "write style=udnie",
    "--epochs=3": "write trainer.max_steps=3",
    "experiment=null": "choose one of arbitrary, cyclegan",
    "net=null": "choose one of adain",
    "callbacks=null": "leave it out",
    "logger=null": "csv, tensorboard, wandb",
    "trainer.precision=64-true": "use 32-true",
    "data.workers=1000": "at most",
    "data.workers=1.5": "a whole number",
    "task.optimizer.lr=-1": "above 0",
    "callbacks.previews.every=null": "a whole number",
    "+callbacks.x.every=3": "has no _target_ to name its class",
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line(
    mistake: str, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    before = {path.name: path.read_bytes() for path in place.iterdir() if path.is_file()}
    assert train(monkeypatch, "trainer=cpu", mistake) == 2
    line = said(capsys)
    assert MISTAKES[mistake] in line
    if not mistake.startswith("+net"):
        assert "+" not in line.removeprefix(f"error: {mistake}")  # which lets any key in
    assert {p.name: p.read_bytes() for p in place.iterdir() if p.is_file()} == before


@pytest.mark.parametrize("before", [["run=x"], ["run=null"], ["run=null", "run=x"]])
def test_of_several_values_for_a_key_the_one_that_counts_is_named(
    place, monkeypatch, capsys, before
):
    assert train(monkeypatch, "trainer=cpu", *before, "run=null") == 2
    assert said(capsys) == "error: run=null should be text"


def test_a_misspelled_choice_ends_a_multirun_before_its_first_job(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    assert train(monkeypatch, "-m", "trainer=cpu", "experiment=hour,multistlye") == 2
    assert "did you mean experiment=multistyle?" in said(capsys)
    assert not list(place.rglob("config.yaml"))


@pytest.mark.parametrize(
    "mistake", ["scene=nope", "lr=3", "loss.style_weight=-1", "scene.size=2.5", "loss=cycle"]
)
def test_optimize_takes_the_same_care(
    mistake: str, place: Path, capsys: pytest.CaptureFixture[str]
):
    scene = ["scene=art"] if mistake.startswith("scene.") else []
    arguments = ["drawn.png", "--style", "drawn.png", "-o", "out.png", *scene, mistake]
    with pytest.raises(SystemExit) as end:
        optimize(arguments)
    assert end.value.code == 2
    said(capsys)
    assert not (place / "out.png").exists()


@pytest.mark.parametrize(
    "mistake", ["experiment=multistlye", "data.sise=3", "data.size=-1", "data.path=a(b)", "size=3"]
)
def test_preparing_takes_the_same_care(
    mistake: str, place: Path, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit) as end:
        prepare(["trainer=cpu", mistake])
    assert end.value.code == 2
    assert mistake.split("=")[0] in said(capsys)


OWN = """
from pytorch_lightning import Callback
from stylenet.losses.perceptual import PerceptualLoss

class Faulty(Callback):
    def on_train_batch_start(self, *_):
        raise ValueError("a fault of mine")

class Reads(Callback):
    def __init__(self, options):
        self.options = options
    def on_train_batch_start(self, *_):
        self.options.missing

class Loss(PerceptualLoss):
    def forward(self, image, features, content):
        return {"content": None + 1}
"""

FAULTS = {
    "+callbacks.x={_target_: own_parts.Faulty}": (
        ValueError,
        'raise ValueError("a fault of mine")',
    ),
    "+callbacks.x={_target_: own_parts.Reads, options: {a: 1}}": (Exception, "options.missing"),
    "loss._target_=own_parts.Loss": (TypeError, '{"content": None + 1}'),
}


@pytest.fixture
def _own_parts(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "own_parts.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(place))
    sys.modules.pop("own_parts", None)


@pytest.mark.usefixtures("_own_parts")
@pytest.mark.parametrize("override", FAULTS)
def test_a_fault_of_the_users_keeps_its_traceback(
    override: str, place: Path, monkeypatch: pytest.MonkeyPatch
):
    kind, where = FAULTS[override]
    with pytest.raises(kind) as error:
        train(monkeypatch, *TINY, "style.image=drawn.png", "run=run", override)
    assert where in "".join(traceback.format_exception(error.value))


@pytest.mark.usefixtures("_own_parts")
def test_a_fault_in_a_multirun_leaves_its_traceback(place: Path, monkeypatch: pytest.MonkeyPatch):
    sweep = ["-m", "hydra.sweep.dir=sweep", "style.image=drawn.png", "seed=1"]
    fault = "+callbacks.x={_target_: own_parts.Faulty}"
    with pytest.raises(ValueError, match="a fault of mine"):
        train(monkeypatch, *sweep, *TINY, fault)
    first, *rest = (place / "sweep" / "0" / "error.txt").read_text().splitlines()
    assert first == "ValueError('a fault of mine')"
    assert any('raise ValueError("a fault of mine")' in line for line in rest)


OFF = ["previews", "curves", "progress", "finite", "interrupt", "resume"]


def test_a_callback_that_is_null_is_off(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    off = [f"callbacks.{name}=null" for name in OFF]
    small = [each for each in TINY if not each.startswith("callbacks.previews")]
    assert train(monkeypatch, *small, *off, "style.image=drawn.png", "run=run") == 0
    assert {path.name for path in (place / "run").iterdir()} == {
        *("model.pt", "config.yaml", "result.yaml", "style.png", "overrides.yaml", "README.md"),
    }
    assert "run holds model.pt, config.yaml, README.md\n" in capsys.readouterr().out


def test_without_checkpoints_nothing_is_said_to_be_saved(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    off = ["callbacks.resume=null", "trainer.max_steps=9", interrupt_at(2)]
    assert train(monkeypatch, *TINY, *off, "style.image=drawn.png", "run=run") == 130
    out = capsys.readouterr().out
    assert "nothing is saved" in out
    assert "ckpt=last" not in out


@pytest.mark.parametrize(
    ("run", "image"),
    [("My Run (1)", "a b.png"), ("it's [a], $HOME", "Käse.png"), ("$r=x;#", "a{b}.png")],
)
def test_the_command_that_goes_on_can_be_pasted(
    run: str,
    image: str,
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    """Through a real shell, and into Hydra: the folder is the same, and so are all settings."""
    (place / "drawn.png").rename(place / image)
    quoted = [training.assignment("run", run), training.assignment("style.image", image)]
    overrides = [*TINY, *quoted, "trainer.max_steps=9", interrupt_at(2)]
    assert train(monkeypatch, *overrides) == 130
    assert (place / run / CHECKPOINT).exists()
    command = capsys.readouterr().out.strip().splitlines()[-1].strip()
    called = f"{program()} train "
    assert command.startswith(called)
    listed = command.replace(called, 'printf "%s\\0" ', 1)
    pasted = subprocess.run(["bash", "-c", listed], capture_output=True, check=True, text=True)
    arguments = pasted.stdout.split("\0")[:-1]
    assert arguments == shlex.split(command.removeprefix(called))
    assert _settings(arguments) == _settings([*overrides, "ckpt=last"])
    arguments = [each for each in arguments if not each.startswith("+callbacks.ctrl_c")]
    assert train(monkeypatch, *arguments) == 0
    assert (place / run / "model.pt").exists()
    assert f"--model {shlex.quote(run)} " in capsys.readouterr().out


def _settings(overrides: list[str]) -> dict[str, object]:
    found = {}
    for read in OverridesParser.create().parse_overrides(overrides):
        value = None if read.is_delete() else read.value()
        node = OmegaConf.create({"value": value})
        found[read.get_key_element()] = OmegaConf.to_container(node, resolve=True)
    return found


def test_results_are_judged_by_a_vgg_that_is_not_rounded(
    place: Path, monkeypatch: pytest.MonkeyPatch
):
    overrides = [*TINY, "style.image=drawn.png", "trainer.precision=bf16-mixed"]
    assert train(monkeypatch, *overrides, "run=run") == 0
    cfg = composed([*overrides, "run=other"])
    task = instantiate(cfg.task)(style=instantiate(cfg.style).picture().rgb)
    task.read_style()
    task.net.load_state_dict(load_model(place / "run").net.state_dict())
    expected = task.unseen_terms(instantiate(cfg.data).validation_photos())
    found = yaml.safe_load((place / "run" / "result.yaml").read_text())
    assert found == pytest.approx(expected, rel=1e-5)
