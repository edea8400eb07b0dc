"""Runs as a user keeps them: not overwritten, moved, resumed, ended early, damaged."""

import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from elsewhere import held_elsewhere
from PIL import Image
from training import a_full_disk, interrupt_at, rows, train

from stylenet.models import sealed
from stylenet.models.checkpoint import load_model, save_model
from stylenet.runs.folder import CHECKPOINT
from stylenet.system.errors import UserError

SMALL = [
    *("trainer=cpu", "style=custom", "net.width=0.125", "net.blocks=1", "data=folder"),
    *("data.size=32", "data.cache_side=96", "callbacks.previews.height=48", "task.style_size=64"),
    *("+loss.content_layers.relu2_1=1", "~loss.content_layers.relu4_2"),
    *("~loss.style_layers.relu3_1", "~loss.style_layers.relu4_1", "~loss.style_layers.relu5_1"),
    *("trainer.max_steps=4", "callbacks.resume.every=3"),
]
ALL = {
    *("model.pt", "preview.png", "losses.csv", "losses.png", "config.yaml", "result.yaml"),
    *("style.png", "overrides.yaml", "README.md"),
}


class Place:
    """A folder with photos, a style picture and runs; `train` is the command line in it."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.patch = patch

    def train(self, run: str, *overrides: str) -> int:
        """Train in the folder `run` with everything below this place, or as `overrides` say."""
        own = {
            "data.path": self.folder / "photos",
            "data.validation": self.folder / "unseen",
            "style.image": self.folder / "style.png",
        }
        given = {override.split("=")[0] for override in overrides}
        named = [f"{name}={path}" for name, path in own.items() if name not in given]
        return train(self.patch, *SMALL, *named, f"run={self.folder / run}", *overrides)

    def weights(self, run: str) -> dict[str, torch.Tensor]:
        return dict(load_model(self.folder / run).net.state_dict())

    def equal(self, run: str, other: str) -> bool:
        """Whether two runs came to the same bits."""
        found, expected = self.weights(run), self.weights(other)
        return all(torch.equal(found[name], expected[name]) for name in expected)


def draw(path: Path, seed: int) -> None:
    """A picture of large coloured patches, so that small changes leave its dHash as it is."""
    patches = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    Image.fromarray(patches.repeat(16, 0).repeat(16, 1)).save(path)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place with a run that is ``whole``, and one that Ctrl-C has ``stopped`` at step 2 of 4."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "photos").mkdir()
    (folder / "unseen").mkdir()
    for number in range(3):
        draw(folder / "photos" / f"{number}.png", number)
    draw(folder / "unseen" / "held_out.png", 7)
    draw(folder / "style.png", 8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STYLENET_CACHE", str(folder / "cache"))
        place = Place(folder, patch)
        assert place.train("whole") == 0
        assert place.train("stopped", interrupt_at(1)) == 130
    return folder


@pytest.fixture
def place(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A copy of it to do harm to: moved, as the paths in its runs are those of the first."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    return Place(tmp_path, monkeypatch)


def error(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that was said."""
    lines = capsys.readouterr().err.strip().splitlines()
    assert lines[-1].startswith("error: ")
    assert not any("Traceback" in line for line in lines)
    return lines[-1]


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("run", ["whole", "stopped"])
def test_a_run_is_not_overwritten(run: str, place: Place, capsys: pytest.CaptureFixture[str]):
    before = bytes_of(place.folder / run)
    assert place.train(run) == 2
    assert f"error: {place.folder / run} holds a run; add ckpt=last" in error(capsys)
    other = {"whole": "stopped", "stopped": "whole"}[run]
    assert place.train(run, f"ckpt={place.folder / other / CHECKPOINT}") == 2
    assert "holds a run" in error(capsys)
    assert bytes_of(place.folder / run) == before


def test_a_run_that_another_process_writes_is_let_alone(
    place: Place, capsys: pytest.CaptureFixture[str]
):
    with held_elsewhere(place.folder / "stopped"):
        before = bytes_of(place.folder / "stopped")
        for more in ([], ["ckpt=last"]):
            assert place.train("stopped", *more) == 2
            assert "is being written by another training" in error(capsys)
        assert bytes_of(place.folder / "stopped") == before


def test_a_moved_run_goes_on_with_moved_pictures_to_the_same_bits(
    place: Place, trained: Path, capsys: pytest.CaptureFixture[str]
):
    shutil.rmtree(place.folder / "cache")
    (place.folder / "photos").rename(place.folder / "My Photos")
    (place.folder / "style.png").rename(place.folder / "other.png")
    (place.folder / "stopped").rename(place.folder / "moved")
    assert str(place.folder) not in (place.folder / "moved" / "config.yaml").read_text()
    places = [f"data.path={place.folder}/My Photos", f"style.image={place.folder}/other.png"]
    assert place.train("moved", "ckpt=last", *places) == 0
    assert f"resuming {place.folder / 'moved'} at step 2" in capsys.readouterr().err
    assert place.equal("moved", "whole")
    assert rows(place.folder / "moved") == rows(place.folder / "whole")


def change_a_corner(photos: Path) -> None:
    """Of one photo, which leaves its size, its date and its dHash."""
    with Image.open(photos / "1.png") as image:
        pixels = np.asarray(image).copy()
    pixels[0, 0] ^= 1
    Image.fromarray(pixels).save(photos / "1.png")


@pytest.mark.parametrize(
    ("change", "counts"),
    [
        (change_a_corner, "(3, now 3)"),
        (lambda photos: draw(photos / "4.png", 4), "(3, now 4)"),
        (lambda photos: (photos / "1.png").unlink(), "(3, now 2)"),
        (lambda photos: (photos / "0.png").rename(photos / "9.png"), "(3, now 3)"),
    ],
)
def test_other_photos_are_noticed(
    change: Callable[[Path], Any],
    counts: str,
    place: Place,
    capsys: pytest.CaptureFixture[str],
):
    change(place.folder / "photos")
    before = bytes_of(place.folder / "stopped")
    assert place.train("stopped", "ckpt=last") == 2
    assert f"was started with other photos {counts}" in error(capsys)
    assert bytes_of(place.folder / "stopped") == before


def test_a_run_killed_at_its_end_is_finished(place: Place, capsys: pytest.CaptureFixture[str]):
    whole, killed = place.folder / "whole", place.folder / "killed"
    shutil.copytree(whole, killed)
    for name in ("model.pt", "preview.png", "losses.png", "result.yaml"):
        (killed / name).unlink()
    assert place.train("killed", "ckpt=last") == 0
    said = capsys.readouterr()
    assert f"resuming {killed} at step 4" in said.err
    assert {path.name for path in killed.iterdir()} == {*ALL, CHECKPOINT}
    assert f"{killed} holds model.pt, preview.png, losses.csv, losses.png" in said.out
    assert place.equal("killed", "whole")
    assert (killed / "preview.png").read_bytes() == (whole / "preview.png").read_bytes()


def test_only_files_that_exist_are_promised(place: Place, capsys: pytest.CaptureFixture[str]):
    assert place.train("bare", "~callbacks.previews", "~callbacks.curves") == 0
    left = f"{place.folder / 'bare'} holds model.pt, config.yaml, README.md\n"
    assert left in capsys.readouterr().out


def test_a_run_that_ends_early_is_finished_and_can_go_on(
    place: Place, capsys: pytest.CaptureFixture[str]
):
    early = ["+trainer.limit_train_batches=2", "+trainer.max_epochs=1"]
    assert place.train("early", *early) == 0
    said = capsys.readouterr()
    assert "training ended early, at step 2 of 4" in said.err
    assert "Done" in said.out
    assert {path.name for path in (place.folder / "early").iterdir()} == {*ALL, CHECKPOINT}
    assert place.train("early", early[0], "ckpt=last") == 0
    assert place.equal("early", "whole")


def test_a_limit_on_time_ends_a_run(place: Place, capsys: pytest.CaptureFixture[str]):
    limit = ["+trainer.max_time=00:00:00:01", "trainer.max_steps=100000"]
    assert place.train("timed", *limit) == 0
    assert "training ended early, at step " in capsys.readouterr().err
    step = torch.load(place.folder / "timed" / CHECKPOINT, weights_only=True)["global_step"]
    assert int(rows(place.folder / "timed")[-1]["step"]) == step < 100000
    assert (place.folder / "timed" / "model.pt").exists()


def test_a_termination_signal_is_as_good_as_ctrl_c(
    place: Place, capsys: pytest.CaptureFixture[str]
):
    """Schedulers and containers send it; it used to end a run with exit code 0 and no word."""
    stop = f"{{_target_: training.InterruptAt, step: 0, number: {signal.SIGTERM.value}}}"
    before = signal.getsignal(signal.SIGTERM)
    assert place.train("told", f"+callbacks.stop={stop}") == 130
    assert "can be used as it is" in capsys.readouterr().out
    assert signal.getsignal(signal.SIGTERM) == before
    assert torch.load(place.folder / "told" / CHECKPOINT, weights_only=True)["global_step"] == 1


def test_a_second_ctrl_c_ends_a_run_at_once(place: Place):
    stop = "{_target_: training.InterruptAt, step: 1, times: 2}"
    before = signal.getsignal(signal.SIGINT)
    try:
        assert place.train("twice", f"+callbacks.stop={stop}") == 130
    finally:  # Lightning lets the process ignore all that follow
        signal.signal(signal.SIGINT, before)
    assert not (place.folder / "twice" / "model.pt").exists()


def test_collections_may_move_but_not_change(place: Place, capsys: pytest.CaptureFixture[str]):
    paintings = place.folder / "paintings"
    shutil.copytree(place.folder / "photos", paintings)

    def train_on(folder: Path, *more: str) -> int:
        own = [f"data.path={place.folder}/photos", f"data.paintings={folder}"]
        options = [
            *("experiment=cyclegan", "trainer=cpu", "net.width=0.05", "task.critic.width=0.05"),
            *("data=folder", "data.size=32", "data.cache_side=96", "trainer.max_steps=2"),
            "callbacks.previews.height=48",
            f"data.validation={place.folder}/unseen",
        ]
        return train(place.patch, *options, *own, f"run={place.folder / 'cycle'}", *more)

    assert train_on(paintings, interrupt_at(0)) == 130
    paintings.rename(place.folder / "moved")
    shutil.copytree(place.folder / "moved", place.folder / "other")
    change_a_corner(place.folder / "other")
    assert train_on(place.folder / "other", "ckpt=last") == 2
    assert "was started with other paintings (3, now 3)" in error(capsys)
    assert train_on(place.folder / "moved", "ckpt=last") == 0


def test_no_model_is_made_of_no_step(place: Place, capsys: pytest.CaptureFixture[str]):
    assert place.train("none", "+trainer.max_epochs=0") == 2
    assert "training ended before its first step" in error(capsys)
    assert not (place.folder / "none" / "model.pt").exists()


def test_weights_that_the_last_step_ruins_are_not_saved(
    place: Place, capsys: pytest.CaptureFixture[str]
):
    for last, more in ((1, []), (3, []), (1, ["~callbacks.finite"]), (1, ["~callbacks.resume"])):
        ruin = f"+callbacks.ruin={{_target_: training.RuinAt, step: {last}}}"
        assert place.train("ruined", f"trainer.max_steps={last}", ruin, *more) == 2
        assert "lower task.optimizer.lr" in error(capsys)
        assert not (place.folder / "ruined" / "model.pt").exists()
        if last == 3:
            state = torch.load(place.folder / "ruined" / CHECKPOINT, weights_only=True)
            assert all(weight.isfinite().all() for weight in state["state_dict"].values())
        elif more != ["~callbacks.finite"]:
            assert not (place.folder / "ruined" / CHECKPOINT).exists()
        shutil.rmtree(place.folder / "ruined")


def test_a_net_whose_pictures_are_no_numbers_is_not_saved(
    place: Place, capsys: pytest.CaptureFixture[str]
):
    ruin = "+callbacks.ruin={_target_: training.RuinAt, step: 1, value: 3e38}"
    assert place.train("huge", "trainer.max_steps=1", ruin) == 2
    assert "the pictures are no numbers; lower task.optimizer.lr" in error(capsys)
    assert not (place.folder / "huge" / "model.pt").exists()
    assert not (place.folder / "huge" / "result.yaml").exists()


def test_the_newest_run_can_be_resumed_from_its_first_step_on(place: Place):
    assert place.train("first", interrupt_at(0), "callbacks.resume.every=100") == 130
    assert torch.load(place.folder / "first" / CHECKPOINT, weights_only=True)["global_step"] == 1
    fresh = ["callbacks.resume.every=100", "trainer.max_steps=2", "~callbacks.interrupt"]
    assert place.train("two", *fresh, "+callbacks.die={_target_: training.DieAt, step: 1}") == 1
    assert torch.load(place.folder / "two" / CHECKPOINT, weights_only=True)["global_step"] == 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: b"\0\xff\xfe" * 99 + b"\n",
        lambda text: text.replace(b"style", b"stile"),
        lambda text: text.replace(b"\n2,", b"\ntwo,"),
    ],
)
def test_damaged_losses_cost_nothing(damage: Callable[[bytes], bytes], place: Place):
    stopped = place.folder / "stopped"
    damaged = damage((stopped / "losses.csv").read_bytes())
    (stopped / "losses.csv").write_bytes(damaged)
    assert place.train("stopped", "ckpt=last") == 0
    assert place.equal("stopped", "whole")
    assert (stopped / "losses.1.csv").read_bytes() == damaged
    assert [row["step"] for row in rows(stopped)][-2:] == ["3", "4"]
    assert (stopped / "losses.png").exists()


def without(*keys: str) -> Callable[[dict[str, Any]], None]:
    """Takes a part out of a checkpoint."""

    def take_out(state: Any) -> None:
        for key in keys[:-1]:
            state = state[key]
        del state[keys[-1]]

    return take_out


def set_to(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda state: state.update({name: value})


@pytest.mark.parametrize(
    ("harm", "named"),
    [
        (without("optimizer_states"), "lacks optimizer_states"),
        (set_to("optimizer_states", []), "lacks optimizer_states"),
        (lambda state: state["optimizer_states"][0].update(state={}), "lacks optimizer_states"),
        (set_to("lr_schedulers", []), "lacks lr_schedulers"),
        (lambda state: state["lr_schedulers"][0].pop("last_epoch"), "lacks lr_schedulers"),
        (without("loops"), "lacks loops"),
        (without("loops", "fit_loop", "epoch_loop.batch_progress", "total"), "lacks loops"),
        (without("callbacks"), "lacks callbacks"),
        (set_to("callbacks", {}), "lacks the random state"),
        (without("global_step"), "lacks global_step"),
        (without("state_dict", "net.stem.0.weight"), "net.stem.0.weight is missing"),
        (
            lambda state: state["state_dict"].update({"net.stem.0.weight": torch.zeros(1)}),
            "net.stem.0.weight is missing or of another net",
        ),
    ],
)
def test_a_checkpoint_with_a_part_missing_is_refused(
    harm: Callable[[dict[str, Any]], Any],
    named: str,
    place: Place,
    capsys: pytest.CaptureFixture[str],
):
    file = place.folder / "stopped" / CHECKPOINT
    state = torch.load(file, weights_only=True)
    harm(state)
    file.write_bytes(sealed.dump(state))
    before = file.read_bytes()
    assert place.train("stopped", "ckpt=last") == 2
    assert named in error(capsys)
    assert file.read_bytes() == before
    assert not (place.folder / "stopped" / "model.pt").exists()


def test_one_wrong_bit_in_a_checkpoint_is_found(place: Place, capsys: pytest.CaptureFixture[str]):
    file = place.folder / "stopped" / CHECKPOINT
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 4
    file.write_bytes(data)
    assert place.train("stopped", "ckpt=last") == 2
    assert f"{file} is no training checkpoint, or is damaged" in error(capsys)


def test_a_checkpoint_of_an_earlier_version_goes_on(place: Place):
    stopped = place.folder / "stopped"
    state = torch.load(stopped / CHECKPOINT, weights_only=True)
    torch.save(state, stopped / CHECKPOINT)  # without a sum
    config = yaml.safe_load((stopped / "config.yaml").read_text())
    for note in ("files", "pictures"):
        del config[note]
    for name, value in {"data.path": "photos", "style.image": "style.png"}.items():
        group, key = name.split(".")
        config[group][key] = str(place.folder / value)  # which no notes let move
    (stopped / "config.yaml").write_text(yaml.safe_dump(config))
    assert place.train("stopped", "ckpt=last") == 0
    assert place.equal("stopped", "whole")


@pytest.mark.parametrize("most", [5_000, 60_000])
def test_a_full_disk_leaves_the_last_checkpoint_whole(
    most: int, place: Place, capsys: pytest.CaptureFixture[str]
):
    """At the config, and at the next checkpoint."""
    before = (place.folder / "stopped" / CHECKPOINT).read_bytes()
    with a_full_disk(most):
        assert place.train("stopped", "ckpt=last") == 2
    assert "File too large" in error(capsys)
    assert (place.folder / "stopped" / CHECKPOINT).read_bytes() == before
    assert not list((place.folder / "stopped").glob(".*"))
    assert place.train("stopped", "ckpt=last") == 0
    assert place.equal("stopped", "whole")


def test_a_model_on_a_full_disk_is_one_line(tmp_path: Path):
    """torch hides what the system said behind an error of its own."""
    with (
        a_full_disk(20_000),
        pytest.raises(UserError, match=r"model\.pt \(File too large"),
    ):
        save_model(tmp_path / "model.pt", torch.nn.Linear(99, 99), {})
    assert not list(tmp_path.iterdir())
