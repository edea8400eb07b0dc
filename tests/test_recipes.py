"""What a file describes is built only where it is of stylenet."""

from pathlib import Path

import pytest

from stylenet.errors import UserError
from stylenet.nets.slim import SlimNet
from stylenet.recipes import build
from stylenet.styles import Style

SLIM = {"_target_": "stylenet.nets.slim.SlimNet", "channels": 4, "blocks": 1}


def test_classes_of_stylenet_are_built_with_what_is_in_them():
    assert isinstance(build(SLIM), SlimNet)
    bend = {"_target_": "stylenet.homage.Turn", "angle": 3}
    made = build({"_target_": "stylenet.styles.Style", "name": "a", "homage": bend})
    assert isinstance(made, Style)
    assert made.homage.angle == 3


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "stylenet.nets.blocks.torch.load",
        "stylenet.nets.multistyle.Path",
        "stylenet.nets.multistyle.Path.touch",
        "stylenet.nets.nowhere.Net",
        "stylenet.nets.slim.conv2d",
        "stylenet.errors.UserError.add_note",
        ["os.system"],
    ],
)
def test_nothing_else_is_built_however_deep_it_lies(
    target: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    bad = {"_target_": target, "_args_": ["executed"]}
    for inner in (bad, [bad], (bad,), {"deeper": [bad]}):
        with pytest.raises(UserError, match="no class of stylenet"):
            build(SLIM | {"blocks": inner})
    with pytest.raises(UserError, match="no class of stylenet"):
        build(bad)
    assert not list(tmp_path.iterdir())


def test_nothing_is_looked_up():
    with pytest.raises(UserError, match="would be looked up"):
        build(SLIM | {"blocks": "${oc.env:HOME}"})
    with pytest.raises(UserError, match="nothing that can be built"):
        build({"channels": 4})
