"""Every shipped config composes, resolves and builds what it names; a misspelled key does not."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.errors import ConfigCompositionException, MissingConfigException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from stylenet.config import compose as configs
from stylenet.config import hardware
from stylenet.losses.perceptual import PerceptualLoss
from stylenet.system.errors import UserError


def composed(*overrides: str) -> DictConfig:
    with initialize_config_dir(str(configs.FOLDER), version_base="1.3"):
        return compose("train", overrides=[*overrides])


def choices(group: str) -> list[str]:
    return sorted(path.stem for path in (configs.FOLDER / group).glob("*.yaml"))


GROUPS = ["style", "net", "loss", "task", "data", "trainer", "callbacks", "logger", "experiment"]
EVERY = [(group, choice) for group in GROUPS for choice in choices(group)]


@pytest.mark.parametrize(("group", "choice"), EVERY, ids="=".join)
def test_every_choice_composes_and_resolves(group: str, choice: str):
    device = "trainer.accelerator=cpu"
    config = configs.resolve(composed(f"{group}={choice}", device))
    assert config["seed"] == 0


@pytest.mark.parametrize("choice", choices("net"))
def test_every_net_builds(choice: str):
    assert list(instantiate(composed(f"net={choice}").net).parameters())


@pytest.mark.parametrize(
    "overrides",
    [
        ["task=cyclegan", "net=unet", "data.paintings=/nowhere"],
        ["task=multistyle", "net.styles=[/nowhere/a.png,/nowhere/b.png]"],
        ["task=arbitrary", "data.styles=/nowhere", "task.preview.image=/nowhere/a.png"],
    ],
    ids=lambda overrides: overrides[0],
)
def test_a_task_reads_nothing_before_it_is_asked_to(overrides: list[str]):
    task = instantiate(composed(*overrides, "trainer.accelerator=cpu").task)
    with pytest.raises(UserError, match="nowhere"):
        task.read_style()


@pytest.mark.parametrize("choice", choices("loss"))
def test_every_loss_builds(choice: str):
    assert instantiate(composed(f"loss={choice}").loss).weights


@pytest.mark.parametrize("choice", ["default", "bolder", "faithful", "gatys", "johnson"])
def test_perceptual_losses_have_the_layers_they_name(choice: str):
    cfg = composed(f"loss={choice}").loss
    loss = instantiate(cfg)
    assert isinstance(loss, PerceptualLoss)
    assert set(loss.layers) == {*cfg.content_layers, *cfg.style_layers}


def test_strokes_are_as_large_as_the_style_picture_is_shown():
    sizes = [composed(f"strokes={size}").task.style_size for size in ("fine", "medium", "bold")]
    assert sizes == [256, 512, 1024]
    assert composed().task.style_size == 512
    assert "style_size" not in composed("task=cyclegan", "net=unet", "data.paintings=P").task


@pytest.mark.parametrize(
    ("scene", "ratio", "relative"),
    [("realtime", 10, True), ("medical", 10, True), ("art", 1e10, False)],
)
def test_scenes_weigh_style_in_the_normalisation_that_shows_it(scene, ratio, relative):
    loss = composed(f"scene={scene}").loss
    assert loss.style_weight / loss.content_weight == ratio
    assert loss.relative is relative


def test_the_layer_sets_of_the_papers():
    gatys, johnson = composed("loss=gatys").loss, composed("loss=johnson").loss
    assert list(gatys.content_layers) == ["conv4_2"]
    assert list(gatys.style_layers) == [f"conv{block}_1" for block in range(1, 6)]
    assert (gatys.content_weight, gatys.style_weight) == (1e5, 1e10)
    assert list(johnson.content_layers) == ["relu2_2"]
    assert list(johnson.style_layers) == ["relu1_2", "relu2_2", "relu3_3", "relu4_3"]


def test_wikiart_is_a_second_collection():
    overrides = ["task=cyclegan", "+data/paintings=wikiart", "data.paintings.artist=claude-monet"]
    config = configs.resolve(composed(*overrides, "trainer.accelerator=cpu"))
    assert config["style"]["name"] == "cyclegan"
    assert config["data"]["paintings"] == config["task"]["paintings"]
    paintings = instantiate(composed(*overrides).data).paintings
    assert paintings.where == {"artist": ["claude-monet"]}


@pytest.mark.parametrize("override", ["trainer.max_stepz=3", "stile=wave", "loss.content_wieght=2"])
def test_a_misspelled_override_fails(override: str):
    with pytest.raises(ConfigCompositionException):
        composed(override)


def test_an_unknown_choice_fails():
    with pytest.raises(MissingConfigException):
        composed("style=mona_lisa")


def test_a_misspelled_top_level_key_of_an_experiment_fails():
    cfg = composed()
    OmegaConf.set_struct(cfg, False)
    cfg.trainr = {"max_steps": 3}
    with pytest.raises(UserError, match="trainr"):
        configs.resolve(cfg)


def test_hardware_chooses_and_names_a_missing_gpu():
    cfg = OmegaConf.create({"steps": "${hardware:cpu,{cpu:1,cpu_bf16:1,gpu:2}}"})
    assert cfg.steps == 1


def test_hardware_asks_less_of_a_cpu_without_kernels(monkeypatch: pytest.MonkeyPatch):
    choices = "cpu:4,cpu_plain:2,cpu_bf16:4,cpu_bf16_plain:2,gpu:9"
    for compiled, steps in ((True, 4), (False, 2)):
        monkeypatch.setattr(hardware.kernels, "are_compiled", lambda found=compiled: found)
        assert OmegaConf.create({"steps": f"${{hardware:cpu,{{{choices}}}}}"}).steps == steps


def test_a_resolvers_error_is_told_in_its_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as caught:
        configs.composed(["style=udnie", "ckpt=last"])
    assert str(caught.value).startswith("ckpt=last: no run to resume in runs/udnie")
