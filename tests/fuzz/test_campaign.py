"""A campaign of minutes: what was tried, what was right, what was wrong, a row for each kind."""

import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import torch
from fuzz import verdicts
from fuzz.commands import ended, full_disk
from fuzz.damage import draw_damage
from fuzz.hostile import hostile, mistyped
from fuzz.runs import small, train_small
from fuzz.verdicts import Judge, Verdict, attempt
from fuzz.watch import watching

from stylenet.config.compose import FOLDER
from stylenet.evaluate import main as evaluate
from stylenet.export.__main__ import main as export
from stylenet.models.checkpoint import load_model, save_model
from stylenet.nets.apply import apply_net
from stylenet.stylize import main as stylize

pytestmark = pytest.mark.slow

Record = Callable[[str, object], None]


def judged(kind: str, verdicts: Iterable[Verdict], record_property: Record) -> None:
    """Keep the row of the table, and let nothing be wrong."""
    found = list(verdicts)
    wrong = [verdict for verdict in found if verdict]
    record_property("campaign", (kind, len(found), len(found) - len(wrong), len(wrong)))
    assert not wrong, "\n".join(wrong[:10])


def damaged(judge: Judge, data: bytes, count: int) -> Iterable[Verdict]:
    """Verdicts on `count` damaged versions of `data`, some of them damaged twice or more."""
    draw = random.Random(count)
    for _ in range(count):
        worse = data
        for _ in range(draw.choice((1, 1, 1, 2, 5))):
            worse = draw_damage(draw)(worse) or data[:1]
        yield judge(worse)


@pytest.mark.parametrize("suffix", verdicts.drawn_files())
def test_pictures(suffix: str, tmp_path: Path, record_property: Record):
    data = verdicts.drawn_files()[suffix]
    found = damaged(verdicts.pictures(tmp_path, suffix), data, 300)
    judged(f"pictures ({suffix})", found, record_property)


def test_exports(run: Path, record_property: Record):
    whole = run.parent / "model.onnx"
    found = damaged(verdicts.models(whole, ".onnx"), whole.read_bytes(), 300)
    judged("ONNX", found, record_property)


def test_models(run: Path, record_property: Record):
    whole = run / "model.pt"
    found = damaged(verdicts.models(whole, ".pt"), whole.read_bytes(), 300)
    judged("models", found, record_property)


def test_checkpoints(run: Path, record_property: Record):
    whole = run / "last.ckpt"
    found = damaged(verdicts.checkpoints(whole), whole.read_bytes(), 300)
    judged("checkpoints", found, record_property)


def test_hostile_models(run: Path, tmp_path: Path, record_property: Record):
    """Whatever a model says of itself, it is refused or stylises; nothing else is touched."""
    model, draw = load_model(run), random.Random(0)
    canary = tmp_path / "canary"
    canary.write_bytes(b"nobody opens this")
    inside = tmp_path / "inside"
    photo = torch.zeros(40, 48, 3, dtype=torch.uint8).numpy()

    def stylised() -> Verdict:
        apply_net(load_model(inside / "model.pt").net, photo)
        return None

    def verdict(number: int) -> Verdict:
        inside.mkdir(exist_ok=True)
        config = hostile(model.config, draw, str(canary))
        save_model(inside / "model.pt", model.net, config)
        with watching(inside, [canary]) as watch:
            found = attempt(stylised)
            if not found and number % 15 == 0:
                for command, *arguments in (
                    (export, "--target", "triton", "-o", inside / "served"),
                    (evaluate, "--suite", "samples", "--out", inside / "evaluation"),
                ):
                    argv = [str(inside / "model.pt"), *map(str, arguments)]
                    found = found or ended(lambda: command(argv)).verdict()  # noqa: B023
        shutil.rmtree(inside)
        return found or (f"{watch.found[:3]} of {config}" if watch.found else None)

    judged("hostile models", map(verdict, range(90)), record_property)


def test_mistyped_overrides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Record
):
    """A word that is mistyped, a key or a choice, is named in one line; nothing is trained."""
    draw = random.Random(1)
    choices = [
        f"{file.parent.relative_to(FOLDER)}={file.stem}"
        for file in sorted(FOLDER.glob("*/*.yaml"))
        if file.parent.name != "paintings"
    ]
    keys = ["trainer.max_steps=1", "task.optimizer.lr=0.001", "seed=1", "loss.style_weight=3"]
    keys += ["data.size=32", "data.batch_size=1", "callbacks.resume.every=1", "net.width=0.5"]

    def verdict(number: int) -> Verdict:
        key, _, value = draw.choice(choices if number % 2 else keys).partition("=")
        if number % 2:
            wrong = f"{key}={mistyped(value, draw)}"
            named = wrong.partition("=")[2]
        else:
            named = mistyped(key, draw)
            wrong = f"{named}={value}"
        if wrong in choices:
            return None
        out = ended(lambda: train_small(monkeypatch, tmp_path / "run", wrong))
        if out.code != 2 or (tmp_path / "run" / "model.pt").exists():
            return f"{wrong} ended with {out.code}: {out.said[-500:]}"
        told = [line for line in out.errors if named in line and "+" not in line]
        return out.verdict() or (None if told else f"{wrong}: {out.said}")

    judged("configs: mistyped", map(verdict, range(60)), record_property)


VALUES = ["null", "-1", "0", "1.5", "abc", "[]", "{}", "[1,2]", "true", "''", "1e400", "nan", "a/b"]


def test_odd_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Record):
    """Any value of any key is refused in one line, or trained with."""
    draw = random.Random(2)
    keys = [
        *("seed", "init", "ckpt", "run", "score", "scene", "style.name", "style.image", "logger"),
        *("trainer.max_steps", "trainer.precision", "trainer.devices", "trainer.accelerator"),
        *("trainer.log_every_n_steps", "trainer.deterministic", "trainer.plugins", "trainer"),
        *("callbacks", "callbacks.previews", "callbacks.resume", "callbacks.finite"),
        *("callbacks.previews.every", "callbacks.previews.height", "callbacks.curves"),
        *("callbacks.progress", "callbacks.interrupt", "callbacks.resume.every", "task.schedule"),
        *("data", "data.size", "data.batch_size", "data.workers", "data.jitter", "data.seed"),
        *("data.cache_side", "data.validation", "data.path", "net", "net.width", "net.blocks"),
        *("net.norm", "net.upsampling", "net.skips", "net.attention", "loss.content_weight"),
        *("loss.style_weight", "loss.tv_weight", "loss.strength", "loss.relative", "loss"),
        *("loss.content_layers", "loss.style_layers", "task.style_size", "task.optimizer.lr"),
        *("task.optimizer", "task.vgg", "task.vgg.weights", "task.vgg.architecture", "task"),
        "task.schedule.warmup",
    ]

    def verdict(number: int) -> Verdict:
        odd = f"{draw.choice(keys)}={draw.choice(VALUES)}"
        folder = tmp_path / f"{number}"
        monkeypatch.chdir(tmp_path)
        out = ended(lambda: train_small(monkeypatch, folder / "run", "trainer.max_steps=1", odd))
        whole = out.code == 0 or out.code == 2
        wrong = out.verdict() or (None if whole else f"ended with {out.code}")
        return f"{odd}: {wrong}" if wrong else None

    small(tmp_path / "0" / "run")
    judged("configs: odd values", map(verdict, range(60)), record_property)


def test_full_disks(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property):
    """A disk that is full at any point of a run, or of a picture, costs nothing that was there."""
    draw = random.Random(3)
    photo = run.parent / "photos" / "0.png"
    size = (run / "last.ckpt").stat().st_size

    def verdict(number: int) -> Verdict:
        room, folder = int(draw.uniform(4096, 1.3 * size)), tmp_path / f"{number}"
        commands: list[Callable[[], object]] = [
            lambda: train_small(monkeypatch, folder / "run", "trainer.max_steps=2"),
            lambda: export([str(run), "-o", str(folder / "out.onnx")]),
            lambda: stylize([str(photo), "--model", str(run), "-o", str(folder / "out.png")]),
        ]
        small(folder / "run")
        with full_disk(room):
            out = ended(commands[number % len(commands)])
        left = [path for path in folder.rglob("*") if path.name.startswith(".part")]
        if left:
            return f"{room} bytes leave {left}"
        if number % len(commands) == 0 and (folder / "run" / "last.ckpt").exists():
            again = ["trainer.max_steps=2", "ckpt=last"]
            resumed = ended(lambda: train_small(monkeypatch, folder / "run", *again))
            if resumed.code:
                return f"{room} bytes, then: {resumed.said[-500:]}"
        return out.verdict()

    judged("full disks", map(verdict, range(24)), record_property)


def test_kills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Record):
    """A training killed at any moment goes on, and ends with the bits of one left alone."""
    draw, steps = random.Random(4), ["trainer.max_steps=60", "callbacks.resume.every=7"]
    assert train_small(monkeypatch, tmp_path / "whole", *steps) == 0
    expected = load_model(tmp_path / "whole").net.state_dict()

    def verdict(number: int) -> Verdict:
        folder = tmp_path / f"{number}"
        command = [sys.executable, "-m", "stylenet.train", *small(folder), *steps]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        while not (folder / "last.ckpt").exists() and time.monotonic() < deadline:
            if process.poll() is not None:
                break
            time.sleep(0.01)
        time.sleep(draw.uniform(0, 3))
        process.send_signal(signal.SIGKILL)
        process.wait()
        if not (folder / "model.pt").exists():
            out = ended(lambda: train_small(monkeypatch, folder, *steps, "ckpt=last"))
            if out.code:
                return f"killed, then: {out.said[-500:]}"
        found = load_model(folder).net.state_dict()
        return None if verdicts.same(found, expected) else "other weights"

    judged("kills", map(verdict, range(5)), record_property)
