"""What Hydra takes and training cannot: each is refused by name, and what is right is taken."""

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pytest
from omegaconf import OmegaConf

from stylenet.config.annotations import in_words, is_a, takes
from stylenet.config.compose import check, composed, reference, resolve
from stylenet.config.ranges import RANGES, WORKERS, Range, allowed
from stylenet.config.shipped import initialised
from stylenet.system.errors import UserError


@pytest.fixture(scope="module")
def shipped() -> dict[str, Any]:
    with initialised():
        return reference([])


@pytest.fixture(scope="module")
def cyclegan() -> dict[str, Any]:
    with initialised():
        return reference(["task=cyclegan", "net=unet"])


def changed(shipped: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    cfg = OmegaConf.create(copy.deepcopy(shipped))
    OmegaConf.update(cfg, key, value, merge=False, force_add=True)
    return OmegaConf.to_container(cfg)


NAN, INF = float("nan"), float("inf")

WRONG = [
    *(("task.optimizer.lr", value) for value in (-1, 0, NAN, INF, -INF, "fast", True, None, [1])),
    *(("loss.content_weight", value) for value in (-1e-9, NAN, INF, "much", None)),
    *(("loss.style_layers.relu1_1", value) for value in (-1, NAN, "x")),
    *(("loss.content_layers", value) for value in (3, "relu1_1", ["relu1_1"])),
    *(("loss.strength", value) for value in (-0.1, 1.1, "half")),
    *(("loss.relative", value) for value in (1, "yes", None)),
    *(("data.size", value) for value in (0, -3, 31, 64.0, "64", None, True)),
    *(("data.batch_size", value) for value in (0, -1, 1.5, None)),
    *(("data.workers", value) for value in (-1, 1.5, 1000, WORKERS + 1, True, None)),
    *(("data.jitter", value) for value in (-0.1, 1, NAN)),
    *(("data.cache_side", value) for value in (0, -1, 1.5, "x")),
    *(("data.seed", value) for value in (-1, 2**32, None)),
    *(("data.validation", value) for value in (None, 3, ["a"])),
    ("data.source", None),
    *(("seed", value) for value in (-1, 2**32, 1.5, "abc", None, True)),
    *(("trainer.max_steps", value) for value in (0, -1, 1000.0, "many", None, True)),
    *(("trainer.log_every_n_steps", value) for value in (0, -5, 2.5)),
    *(("trainer.precision", value) for value in ("64-true", "bf16-true", "16-true", "tiny", 64)),
    *(("trainer.devices", value) for value in (1.5, None, 1000, -2)),
    *(("trainer.deterministic", value) for value in ("maybe", 3)),
    ("trainer.max_stepz", 3),
    ("trainer.gradient_clip_val", -1),
    ("trainer.overfit_batches", 1),
    *(("net.width", value) for value in (0, -0.5, NAN, "wide", None, [1])),
    *(("net.blocks", value) for value in (-1, 2.5)),
    ("net.norm", 3),
    ("net.foo", 3),
    ("task.vgg", 3),
    ("task.vgg.weights", 5),
    *(("task.style_size", value) for value in (0, 1, -1, 64.5)),
    *(("task.schedule.warmup", value) for value in (-1, 1.5)),
    ("task.schedule.wramup", 3),
    ("task.optimizer.lrr", 1),
    *(("task.optimizer.betas", value) for value in (3, [0.9], [2, 0], [0.9, 1])),
    *(("callbacks.resume.every", value) for value in (0, -1, 1.5, None)),
    *(("callbacks.previews.every", value) for value in (-1, None)),
    *(("callbacks.previews.height", value) for value in (0, -1, 1.5)),
    *(("callbacks.preview", {"every": 3}), ("callbacks.x", 3), ("logger.x", {"name": "y"})),
    *(("scene", {"sise": 3}), ("scene", {"size": 0}), ("scene", {"iterations": -5})),
    *(("style.image", 2024), ("style.name", None), ("style.imagee", "x")),
    *(("init", 5), ("ckpt", 5), ("net", None), ("trainer", "gpu"), ("callbacks", 3)),
]


@pytest.mark.parametrize(("key", "value"), WRONG, ids=lambda part: str(part)[:40])
def test_a_wrong_value_is_refused_by_name(key: str, value: Any, shipped: dict[str, Any]):
    with pytest.raises(UserError) as error:
        check(changed(shipped, key, value), shipped)
    said = str(error.value)
    assert key in said
    assert "\n" not in said


RIGHT = [
    *(("task.optimizer.lr", value) for value in (1, 1e-30, 1e20)),
    *(("loss.content_weight", 0), ("loss.strength", 0.5), ("loss.tv_weight", 3)),
    *(("data.workers", WORKERS), ("data.workers", 0), ("data.cache_side", None)),
    *(("data.validation", "photos"), ("data.validation", {"_target_": "nobodys.Photos"})),
    *(("trainer.precision", value) for value in ("32-true", "bf16-mixed", 32, "16", None)),
    *(("trainer.devices", value) for value in (-1, "auto", [0, 1], 2)),
    *(("trainer.deterministic", "warn"), ("trainer.max_time", "00:00:05:00")),
    *(("trainer.gradient_clip_val", 0.5), ("trainer.limit_train_batches", 0.5)),
    *(("trainer.plugins", None), ("trainer.profiler", "simple"), ("trainer.strategy", "ddp")),
    *(("callbacks.previews", None), ("callbacks.resume", None), ("logger.wandb", None)),
    *(("callbacks.previews.every", 0), ("net.blocks", 0), ("init", None), ("init", "a.pt")),
    *(("style.image", "a.jpg"), ("scene", {"size": 3, "iterations": 0, "grey": True})),
    ("callbacks.mine", {"_target_": "nobodys.Callback", "size": -3, "anything": NAN}),
    ("task.optimizer.betas", [0.5, 0.999]),
    ("task.optimizer", {"_target_": "torch.optim.Adam", "_partial_": True, "lr": 1e-3}),
]


@pytest.mark.parametrize(("key", "value"), RIGHT, ids=lambda part: str(part)[:40])
def test_a_right_value_is_taken(key: str, value: Any, shipped: dict[str, Any]):
    check(changed(shipped, key, value), shipped)


@pytest.mark.parametrize(
    ("key", "value"),
    [("task.critic_lr", -1), ("task.critic_lr", NAN), ("task.pool", -1), ("loss.cycle_weight", -1)],
)
def test_a_wrong_value_of_another_task_is_refused_by_name(
    key: str, value: float, cyclegan: dict[str, Any]
):
    with pytest.raises(UserError, match=key.replace(".", r"\.")):
        check(changed(cyclegan, key, value), cyclegan)


def test_a_loss_without_weight_is_refused(shipped: dict[str, Any]):
    config = changed(changed(shipped, "loss.content_weight", 0), "loss.style_weight", 0.0)
    config = changed(config, "loss.tv_weight", 0.0)
    with pytest.raises(UserError, match="all weights of the loss are 0"):
        check(config, shipped)
    check(changed(config, "loss.strength", 0.5) | {"scene": None}, shipped)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("loss.content_wieght", 2, "did you mean loss.content_weight?"),
        ("callbacks.preview", {"every": 3}, "did you mean callbacks.previews?"),
        ("scene", {"sise": 3}, "did you mean scene.size?"),
        ("data.workers", 1000, f"{WORKERS} at most; each worker is a process"),
        ("style.image", 2024, "written 'style.image=\"2024\"'"),
        ("trainer.max_steps", 1000.0, "should be a whole number"),
        ("trainer.precision", "64-true", "use 32-true, bf16-mixed or 16-mixed"),
    ],
)
def test_the_mend_is_named(key: str, value: Any, said: str, shipped: dict[str, Any]):
    with pytest.raises(UserError) as error:
        check(changed(shipped, key, value), shipped)
    assert said in str(error.value)


def test_options_of_a_data_choice_are_those_of_the_module():
    for overrides, said in (
        (["data=folder", "data.path=x", "+data.sise=3"], "did you mean data.size"),
        (["data=coco", "data.limit=0"], "data.limit=0 should be"),
        (["data=wikiart", "data.cache_side=abc"], "data.cache_side=abc should be"),
        (["data=folder", "data.path=2024"], "'data.path=\"2024\"'"),
    ):
        with pytest.raises(UserError, match=said):
            composed(overrides)


def test_a_second_collection_goes_in_beside():
    cfg = composed(["task=cyclegan", "net=unet", "+data/paintings=wikiart"])
    assert cfg.data.paintings._target_.endswith("wikiart_paintings")


EXPERIMENTS = {
    "data: {sise: 3}": "data.sise",
    "trainr: {max_steps: 3}": "did you mean trainer",
    "loss: {content_wieght: 2}": "did you mean loss.content_weight",
    "callbacks: {preview: {every: 3}}": "did you mean callbacks.previews",
    "task: {schedule: {wramup: 3}}": "did you mean task.schedule.warmup",
    "data: {size: big}": "data.size=big should be a whole number",
    "data: {size: -1}": "data.size=-1 should be",
    "defaults: [override /task: multistlye]": "did you mean task=multistyle",
    "defaults: [override /tsk: multistyle]": "tsk",
}


@pytest.mark.parametrize("text", EXPERIMENTS)
def test_a_mistake_in_an_experiment_of_the_users_is_named(text: str, tmp_path: Path):
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text(f"# @package _global_\n{text}\n")
    overrides = [f"hydra.searchpath=[file://{tmp_path}]", "experiment=mine"]
    with pytest.raises(UserError) as error:
        composed(overrides)
    assert EXPERIMENTS[text] in str(error.value)
    assert "\n" not in str(error.value)


def test_ranges_say_what_they_hold():
    assert str(Range(0, above=True)) == "a number above 0"
    assert str(Range(1, whole=True)) == "a whole number of 1 or more"
    assert str(Range(0, 1, below=True)) == "a number of 0 or more and below 1"
    assert str(Range(0, 5, whole=True, why=", as so")) == (
        "a whole number of 0 or more and 5 at most, as so"
    )
    assert NAN not in Range()
    assert INF not in Range()
    assert 1.5 not in Range(0, whole=True)


def test_every_pattern_of_the_ranges_is_of_a_setting():
    """A key that is renamed takes its range along."""
    names: set[str] = set()

    def walk(value: Any, name: str) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(inner, f"{name}.{key}" if name else str(key))
        elif isinstance(value, list):
            for number, inner in enumerate(value):
                walk(inner, f"{name}.{number}")
        else:
            names.add(name)

    with initialised():
        for chosen in (
            [],
            ["task=cyclegan", "net=unet"],
            ["task=video", "net=video", "scene=art"],
            ["net=slim", "data=coco"],
        ):
            walk(reference(chosen), "")
    of_arguments = {  # which classes take, and no shipped config sets
        *("*.eps", "*.weight_decay", "*.smoothing", "*.momentum", "*.num_nodes"),
        *("*.accumulate_grad_batches", "*.gradient_clip_val", "*.overfit_batches"),
    }
    for pattern in set(RANGES) - of_arguments:
        assert any(allowed(name) is RANGES[pattern] for name in names), pattern


def test_types():
    assert is_a(1, float)
    assert is_a(None, int | None)
    assert is_a({"_target_": "x"}, float)  # an object to be built
    assert is_a(["a"], Sequence[str])
    assert is_a({"a": 1}, Mapping[str, float])
    assert is_a("warn", bool | Literal["warn"])
    assert not is_a(True, int)
    assert not is_a(True, float)
    assert not is_a("a", Sequence[str])
    assert not is_a([1], list[str])
    assert not is_a({"a": "x"}, Mapping[str, float])
    assert not is_a([1.0], tuple[float, float])
    assert not is_a(None, Path)
    assert in_words(int | None) == "a whole number or null"
    assert in_words(list[int] | str | int) == "a list, text or a whole number"


def test_names():
    def mine(one: int, two: int = 0) -> None: ...

    assert takes(mine) == {"one", "two"}
    assert takes(dict) is None


def test_every_shipped_choice_passes():
    for overrides in (
        ["experiment=multistyle"],
        ["experiment=arbitrary"],
        ["experiment=video"],
        ["experiment=cyclegan", "data.paintings=x"],
        ["scene=art"],
        ["data=wikiart", "logger=wandb"],
        ["net=sanet", "task=arbitrary", "logger=tensorboard"],
    ):
        composed(["trainer=cpu", *overrides])


def test_resolving_names_what_is_missing():
    with pytest.raises(UserError, match="did you mean trainer"):
        resolve(OmegaConf.create({"trainr": 1}))
