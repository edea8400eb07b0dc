"""A step as one function does what Lightning's steps do. A GPU records that function."""

import copy
import tempfile
from pathlib import Path

import pytest
import torch
from pytorch_lightning import Callback, Trainer
from torch import Tensor, nn
from torch.utils.data import DataLoader

from stylenet.callbacks.pace import can_record, compiled, make_capturable, paced_trainer
from stylenet.system.errors import UserError
from stylenet.tasks.base import Targets, Task
from stylenet.tasks.recorded import WARM_UP, Recorded

STEPS = WARM_UP + 3


class WholeSteps(Callback):
    """Takes the steps that a GPU records, without a recording."""

    def on_train_start(self, trainer: Trainer, pl_module: Task) -> None:
        assert can_record(trainer)
        for optimizer in trainer.optimizers:
            make_capturable(optimizer, torch.device("cpu"))
            for group in optimizer.param_groups:
                if "capturable" in group:
                    group["capturable"] = False  # torch refuses it on a CPU
        pl_module.replay = pl_module.whole_step


class Seen(Callback):
    """Notes the objective, the learning rates and the terms of every step."""

    def __init__(self) -> None:
        self.rows: list[float] = []

    def on_before_backward(self, trainer: Trainer, pl_module: Task, loss: Tensor) -> None:
        self.rows.append(float(loss.detach()))

    def on_train_batch_end(self, trainer: Trainer, pl_module: Task, *_: object) -> None:
        rates = [float(group["lr"]) for o in trainer.optimizers for group in o.param_groups]
        self.rows += [trainer.global_step, *rates, *map(float, pl_module.means.values())]


def trained(task: Task, batch: Tensor, *callbacks: Callback, **options: object) -> Seen:
    """What is seen of a training of `STEPS` steps, each with other photos."""
    torch.manual_seed(3)
    seen = Seen()
    trainer = paced_trainer(
        **{"accelerator": "cpu", "max_steps": STEPS, "log_every_n_steps": 2, **options},
        callbacks=[seen, *callbacks],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    batches = [batch.roll(step, -1) for step in range(STEPS)]
    trainer.fit(task, DataLoader(batches, batch_size=None))
    return seen


def weights(task: Task) -> Tensor:
    return torch.cat([p.detach().flatten().cpu() for p in task.parameters() if p.requires_grad])


@pytest.mark.slow
def test_whole_steps_are_lightnings(task: Task, batch: Tensor):
    """Objectives, terms, counted steps, schedules and weights are the same."""
    start, other = weights(task), copy.deepcopy(task)
    expected = trained(task, batch)
    found = trained(other, batch, WholeSteps())
    assert found.rows == pytest.approx(expected.rows, rel=1e-5)
    moved = (weights(task) - start).norm()
    assert moved > 0
    assert (weights(other) - weights(task)).norm() <= 1e-4 * moved


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_recording_takes_the_same_steps(task: Task, batch: Tensor, precision: str):
    other = copy.deepcopy(task)
    start, options = weights(task), {"accelerator": "gpu", "devices": 1, "precision": precision}
    expected = trained(task, batch, graph=False, **options)
    found = trained(other, batch, **options)
    assert found.rows == pytest.approx(expected.rows, rel=1e-2)
    assert (weights(other) - weights(task)).norm() <= 0.05 * (weights(task) - start).norm()


@pytest.mark.gpu
def test_calls_count_once_and_results_stay():
    """The calls before a recording count, and the recording itself does not."""
    total = torch.zeros(3, device="cuda")

    def add(inputs: Targets) -> Targets:
        total.add_(inputs["x"])
        return {"sum": total.sum()}

    recorded = Recorded(add)
    sums = [recorded({"x": torch.full((3,), 1.0, device="cuda")})["sum"] for _ in range(STEPS)]
    assert [float(each) for each in sums] == [3.0 * (call + 1) for call in range(STEPS)]
    assert recorded.graph is not None
    recorded({"x": torch.tensor(1.0, device="cuda")})  # another shape runs as it is
    assert total.tolist() == [STEPS + 1.0] * 3


@pytest.mark.gpu
def test_what_cannot_be_recorded_runs_as_it_is(caplog: pytest.LogCaptureFixture):
    recorded = Recorded(lambda inputs: {"x": inputs["x"] * float(inputs["x"].sum())})
    found = [recorded({"x": torch.ones(2, device="cuda")})["x"].tolist() for _ in range(STEPS)]
    assert found == [[2.0, 2.0]] * STEPS
    assert "cannot record" in caplog.text


@pytest.mark.parametrize("chosen", [{"gradient_clip_val": 1.0}, {"strategy": "ddp"}])
def test_steps_that_lightning_changes_are_not_recorded(chosen: dict[str, object]):
    trainer = paced_trainer(accelerator="cpu", logger=False, enable_checkpointing=False, **chosen)
    assert not can_record(trainer)


@pytest.mark.parametrize("task", ["slim", "cyclegan"], indirect=True)
def test_checkpoints_know_no_pace(task: Task, batch: Tensor, tmp_path: Path):
    """A training goes on from whole steps with Lightning's, and on another device."""

    class Keeps(Callback):
        def on_train_end(self, trainer: Trainer, pl_module: Task) -> None:
            trainer.save_checkpoint(tmp_path / "last.ckpt")

    trained(task, batch, WholeSteps(), Keeps())
    for state in torch.load(tmp_path / "last.ckpt", weights_only=True)["optimizer_states"]:
        for group in state["param_groups"]:
            assert isinstance(group["lr"], float)
            assert not group.get("capturable")


def broken(batch: Tensor, targets: Targets) -> tuple[Tensor, dict[str, Tensor]]:
    """No compiler takes the function whole."""
    torch._dynamo.graph_break()
    return batch.sum(), {"total": batch.mean()}


def test_what_cannot_be_compiled_runs_as_it_is(caplog: pytest.LogCaptureFixture):
    judge = compiled(broken, demanded=False)
    for _ in range(2):
        assert judge(torch.ones(4), {})[0] == 4
    assert caplog.text.count("cannot be compiled") == 1


def test_a_demanded_compiler_must_work():
    with pytest.raises(UserError, match=r"trainer\.compile=true"):
        compiled(broken, demanded=True)(torch.ones(4), {})


def test_what_is_compiled_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    place = str(Path(tempfile.gettempdir(), "torchinductor_me"))  # as torch itself does
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", place)
    monkeypatch.setenv("STYLENET_CACHE", str(tmp_path))
    layer = nn.Linear(2, 2)
    judge = compiled(lambda batch, _: (layer(batch).square().sum(), {}), demanded=True)
    assert torch.allclose(judge(torch.ones(1, 2), {})[0], layer(torch.ones(1, 2)).square().sum())
    assert any((tmp_path / "inductor").rglob("*"))
