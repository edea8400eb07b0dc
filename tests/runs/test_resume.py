"""What a run may be resumed with: other paths to the same contents, and nothing else."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from stylenet.runs.resume import check_resumable, contents
from stylenet.system.errors import UserError

PICTURES = {"photos": {"count": 3, "looks": "l", "pixels": "p"}}
STYLE = {"sha256": "s", "origin": "download", "credit": "a"}


def config(**changes: Any) -> dict[str, Any]:
    """A config with the notes that training adds."""
    plain: dict[str, Any] = {
        **{"seed": 0, "net": {"width": 0.5}, "run": "a", "init": None},
        **{"data": {"workers": 0, "size": 64, "path": None}, "style": {"image": None}},
        **{"trainer": {"max_steps": 4, "default_root_dir": "a"}, "task": {"lr": 1.0}},
        **changes,
    }
    return {"pictures": PICTURES, "style_picture": STYLE, "files": contents(plain), **plain}


def saved(run: Path, before: dict[str, Any]) -> Path:
    run.mkdir(exist_ok=True)
    (run / "config.yaml").write_text(yaml.safe_dump(before))
    return run


def refused(run: Path, now: dict[str, Any]) -> str:
    with pytest.raises(UserError) as caught:
        check_resumable(now, run)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_another_setting_is_named(tmp_path: Path):
    run = saved(tmp_path, config())
    assert "net.width=0.5, now 1.0" in refused(run, config(net={"width": 1.0}))
    assert "net.blocks=None, now 2" in refused(run, config(net={"width": 0.5, "blocks": 2}))


def test_what_does_not_bear_on_the_weights_may_change(tmp_path: Path):
    run = saved(tmp_path, config())
    trainer = {"max_steps": 4, "default_root_dir": "elsewhere/b", "max_time": "00:01:00:00"}
    data = {"workers": 4, "size": 64, "path": None}
    now = config(run="elsewhere/b", trainer=trainer, data=data, callbacks={"every": 5})
    assert check_resumable(now, run)["run"] == "a"


def test_a_file_may_move_but_not_change(tmp_path: Path):
    for name, content in (("a.png", "x"), ("b.png", "x"), ("c.png", "y")):
        (tmp_path / name).write_text(content)
    run = saved(tmp_path / "run", config(style={"image": str(tmp_path / "a.png")}))
    check_resumable(config(style={"image": str(tmp_path / "b.png")}), run)
    said = refused(run, config(style={"image": str(tmp_path / "c.png")}))
    assert "style.image=" in said
    assert "c.png" in said
    (tmp_path / "a.png").write_text("y")
    said = refused(run, config(style={"image": str(tmp_path / "a.png")}))
    assert "another content of the file in style.image" in said


def test_pictures_in_a_list_may_move(tmp_path: Path):
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_text(name[0])
    names = ["starry_night", str(tmp_path / "a.png")]
    run = saved(tmp_path / "run", config(net={"styles": names}))
    (tmp_path / "moved.png").write_text("a")
    check_resumable(config(net={"styles": ["starry_night", str(tmp_path / "moved.png")]}), run)
    other = ["starry_night", str(tmp_path / "b.png")]
    assert "net.styles.1=" in refused(run, config(net={"styles": other}))
    assert "net.styles.0=" in refused(run, config(net={"styles": ["udnie", names[1]]}))


def test_a_folder_may_move_where_the_pictures_are_the_same(tmp_path: Path):
    for name in ("photos", "moved"):
        (tmp_path / name).mkdir()
    before = config(data={"path": str(tmp_path / "photos")})
    now = config(data={"path": str(tmp_path / "moved")})
    run = saved(tmp_path / "run", before)
    check_resumable(now, run)
    other = {"photos": {"count": 4, "looks": "m", "pixels": "q"}}
    assert "other photos (3, now 4)" in refused(run, now | {"pictures": other})
    assert "data.path=" in refused(run, config(data={"path": None}))


def test_a_name_is_no_path_because_a_folder_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    for name in ("instance", "batch"):
        (tmp_path / name).mkdir()
    run = saved(tmp_path / "run", config(net={"norm": "instance"}))
    assert "net.norm=instance, now batch" in refused(run, config(net={"norm": "batch"}))


def test_an_older_cache_tells_by_looks_alone(tmp_path: Path):
    old = {"photos": {"count": 3, "looks": "l", "pixels": None}}
    run = saved(tmp_path, config() | {"pictures": old})
    check_resumable(config(), run)
    other = {"photos": {"count": 3, "looks": "m", "pixels": "p"}}
    assert "other photos" in refused(run, config() | {"pictures": other})


def test_weights_to_start_from_are_not_needed_again(tmp_path: Path):
    model = tmp_path / "old" / "model.pt"
    model.parent.mkdir()
    model.write_text("x")
    run = saved(tmp_path / "run", config(init=str(model.parent)))
    check_resumable(config(init=str(model)), run)  # the same model
    model.write_text("trained on")
    check_resumable(config(init=str(model.parent)), run)
    assert "init=" in refused(run, config(init=str(model)))


def test_a_picture_is_the_same_wherever_it_came_from(tmp_path: Path):
    run = saved(tmp_path, config())
    cached = config() | {"style_picture": {"sha256": "s", "origin": "cache", "credit": "b"}}
    check_resumable(cached, run)
    other = config() | {"style_picture": STYLE | {"sha256": "t"}}
    assert "style_picture.sha256=s, now t" in refused(run, other)


def test_the_sum_of_a_collection_gives_way_to_its_pictures(tmp_path: Path):
    note = {"sha256": "of paths", "origin": "collection"}
    both = PICTURES | {"paintings": {"count": 2, "looks": "l", "pixels": "p"}}
    run = saved(tmp_path, config() | {"style_picture": note, "pictures": both})
    moved = config() | {"style_picture": note | {"sha256": "moved"}, "pictures": both}
    check_resumable(moved, run)
    other = PICTURES | {"paintings": {"count": 2, "looks": "l", "pixels": "q"}}
    assert "other paintings (2, now 2)" in refused(run, moved | {"pictures": other})


def test_a_config_of_an_earlier_version_has_no_notes(tmp_path: Path):
    before = {k: v for k, v in config().items() if k not in ("files", "pictures")}
    check_resumable(config(), saved(tmp_path, before))


BOMB = "a: &a [1, 1, 1, 1]\n" + "".join(
    f"{now}: &{now} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, now in zip("abcdefgh", "bcdefghi", strict=True)
)
"""References to references: some 10^9 values."""


@pytest.mark.parametrize(
    "text",
    [
        *("", "- 1\n", "seed", "seed: [", "\0\1\2", "seed: !!python/name:os.system\n"),
        *("a: &a [*b]", "date: 2020-99-99\n", "[" * 5000, "a: &a {b: *a}\n", BOMB),
    ],
)
def test_a_damaged_config_is_one_line(tmp_path: Path, text: str):
    (tmp_path / "config.yaml").write_text(text)
    assert "config.yaml is missing or damaged" in refused(tmp_path, config())


def test_odd_keys_of_a_damaged_config_are_one_line(tmp_path: Path):
    (tmp_path / "config.yaml").write_text("1: 2\nnull: x\nseed: 0\n")
    assert "was started with" in refused(tmp_path, config())


def test_a_config_that_is_a_folder_is_one_line(tmp_path: Path):
    (tmp_path / "config.yaml").mkdir()
    assert "missing or damaged" in refused(tmp_path, config())
