"""Which model a name means, the link to the newest run, and what a failed start leaves."""

from pathlib import Path

import pytest

from stylenet.config.compose import file_name
from stylenet.runs.folder import (
    CHECKPOINT,
    LATEST,
    MODEL_FILE,
    link_latest,
    newest,
    remove_empty,
    run_folder,
)
from stylenet.runs.found import found_model

TIMES = ["2026-01-01_00-00-00", "2026-01-02_00-00-00", "2026-01-03_00-00-00"]


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two finished runs, and a newer one that is not; the current folder is the one above."""
    folder = tmp_path / "runs" / "waves"
    for time, file in zip(TIMES, (MODEL_FILE, MODEL_FILE, CHECKPOINT), strict=True):
        (folder / time).mkdir(parents=True)
        (folder / time / file).write_text("x")
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.mark.parametrize("name", ["waves", "runs/waves"])
def test_a_style_stands_for_its_newest_finished_run(
    runs: Path, name: str, capsys: pytest.CaptureFixture[str]
):
    expected = Path("runs/waves") / TIMES[1]
    assert found_model(Path(name)) == expected
    assert capsys.readouterr().err == f"{name}: the newest finished run is {expected}\n"


def test_a_run_that_is_not_finished_stands_in_where_none_is(runs: Path):
    for time in TIMES[:2]:
        (runs / time / MODEL_FILE).unlink()
    assert found_model(Path("waves")) == Path("runs/waves") / TIMES[2]
    assert found_model(runs / TIMES[2]) == runs / TIMES[2]


def test_what_a_name_means_by_itself_comes_first(runs: Path, capsys: pytest.CaptureFixture[str]):
    oldest = runs / TIMES[0]
    assert found_model(oldest) == oldest
    assert found_model(oldest / MODEL_FILE) == oldest / MODEL_FILE
    Path("waves").mkdir()  # photos, say
    assert found_model(Path("waves")) == Path("runs/waves") / TIMES[1]
    Path("waves", MODEL_FILE).write_text("x")
    capsys.readouterr()
    assert found_model(Path("waves")) == Path("waves")
    assert found_model(Path("nothing")) == Path("nothing")
    assert capsys.readouterr().err == ""


def test_latest_leads_to_the_newest_run_and_is_no_run_of_its_own(runs: Path):
    for time in TIMES[:2]:  # an older run may be the last to finish
        link_latest(runs / time)
        assert (runs / LATEST).resolve() == (runs / TIMES[1]).resolve()
    (runs / TIMES[2] / MODEL_FILE).write_text("x")
    link_latest(runs / TIMES[2])
    assert (runs / LATEST).resolve() == (runs / TIMES[2]).resolve()
    (runs / TIMES[2] / MODEL_FILE).unlink()
    assert newest(runs, MODEL_FILE) == runs / TIMES[1]
    assert run_folder(str(runs), "last") == str(runs / TIMES[2])
    assert sorted(path.name for path in runs.iterdir()) == [*TIMES, LATEST]


def test_a_run_with_a_name_of_its_own_and_a_folder_latest_are_left_alone(runs: Path):
    (runs / "mine").mkdir()
    link_latest(runs / "mine")
    assert not (runs / LATEST).is_symlink()
    (runs / LATEST).mkdir()
    link_latest(runs / TIMES[0])
    assert not (runs / LATEST).is_symlink()


def test_only_empty_folders_are_removed(runs: Path):
    failed = runs.parent / "other" / TIMES[0]
    failed.mkdir(parents=True)
    remove_empty(failed, parents=True)
    assert not failed.parent.exists()
    remove_empty(runs / TIMES[0], parents=True)
    assert (runs / TIMES[0] / MODEL_FILE).exists()
    given = Path("given") / "run"
    given.mkdir(parents=True)
    remove_empty(given, parents=False)
    assert [path.name for path in Path("given").parent.iterdir()].count("given") == 1
    assert not given.exists()


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("pictures/My wave (1).jpg", "My_wave_1"),
        ("schön.png", "schön"),
        ("..png", "custom"),
        ("caf\udce9.jpg", "caf"),
        (None, "custom"),
        ("mine/starry_night.jpg", "starry_night_own"),
    ],
)
def test_a_picture_names_its_runs(path: str | None, name: str):
    assert file_name(path) == name
