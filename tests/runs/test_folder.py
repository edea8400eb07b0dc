"""Run folders: which run is the newest, and that no two trainings share one."""

from pathlib import Path

import pytest
from elsewhere import held_elsewhere

from stylenet.runs.folder import CHECKPOINT, LOCK, claimed, run_folder, set_aside
from stylenet.runs.saved_config import CONFIG
from stylenet.system.errors import UserError


def a_run(folder: Path, *files: str) -> Path:
    folder.mkdir(parents=True)
    for name in files:
        (folder / name).write_text("trainer: {}\n" if name == CONFIG else "x")
    return folder


def test_last_is_the_newest_run_by_its_start(tmp_path: Path):
    with pytest.raises(UserError, match="no run to resume"):
        run_folder(str(tmp_path), "last")
    times = ["2026-01-01_00-00-00", "2026-01-02_00-00-00", "2026-01-02_00-00-00-02"]
    for name in [*times, "2026-01-02_00-00-00-10", "2026-01-02_00-00-00-100"]:
        a_run(tmp_path / name, CONFIG, CHECKPOINT)
        assert run_folder(str(tmp_path), "last") == str(tmp_path / name)
    (tmp_path / "2026-01-03_00-00-00").mkdir()  # of a start that failed
    assert run_folder(str(tmp_path), "last").endswith("-100")
    assert Path(run_folder(str(tmp_path), None)).name > "2026-01-03"


def test_an_older_run_is_not_taken_for_the_newest(tmp_path: Path):
    a_run(tmp_path / "2026-01-01_00-00-00", CONFIG, CHECKPOINT)
    newest = a_run(tmp_path / "2026-01-02_00-00-00", CONFIG)
    with pytest.raises(UserError, match=f"{newest} is the newest run, but has no last.ckpt"):
        run_folder(str(tmp_path), "last")


def test_a_run_with_a_name_of_its_own_is_as_old_as_its_config(tmp_path: Path):
    named = a_run(tmp_path / "zebra", CONFIG, CHECKPOINT)
    older = a_run(tmp_path / "2001-01-01_00-00-00", CONFIG, CHECKPOINT)
    assert run_folder(str(tmp_path), "last") == str(named)
    newer = a_run(tmp_path / "2999-01-01_00-00-00", CONFIG, CHECKPOINT)
    assert run_folder(str(tmp_path), "last") == str(newer)
    assert older.exists()


def test_a_folder_is_held_by_one_process_and_free_again_when_it_is_killed(tmp_path: Path):
    folder = tmp_path / "run"
    with held_elsewhere(folder) as process:
        for goes_on in (False, True):
            with (
                pytest.raises(UserError, match="is being written by another training"),
                claimed(folder, goes_on=goes_on),
            ):
                pass
        process.kill()
        process.wait()
        assert (folder / LOCK).exists()
        with claimed(folder) as mine:
            assert mine == folder
            (folder / CONFIG).write_text("trainer: {}")
    assert [path.name for path in folder.iterdir()] == [CONFIG]


def test_what_a_process_holds_is_its_own(tmp_path: Path):
    with claimed(tmp_path / "run") as run:
        (run / CHECKPOINT).write_text("x")
        with claimed(tmp_path / "run"):
            pass
        assert (run / LOCK).exists()
    assert not (run / LOCK).exists()
    with pytest.raises(UserError, match="holds a run"), claimed(tmp_path / "run"):
        pass


def test_a_name_of_our_own_that_is_taken_gets_a_number(tmp_path: Path):
    folder = tmp_path / "2026-01-01_00-00-00"
    a_run(tmp_path / f"{folder.name}-02", CHECKPOINT)
    with held_elsewhere(folder), claimed(folder, unique=True) as mine:
        assert mine == tmp_path / f"{folder.name}-03"


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (CHECKPOINT, "holds a run; add ckpt=last"),
        ("model.pt", "holds a model.pt, which training would replace"),
        ("preview.png", "holds a preview.png, which training would replace"),
        ("result.yaml", "holds a result.yaml, which training would replace"),
    ],
)
def test_a_folder_that_holds_a_run_is_taken_to_go_on_alone(tmp_path: Path, left: str, said: str):
    folder = a_run(tmp_path / "run", left)
    with pytest.raises(UserError, match=said), claimed(folder):
        pass
    with claimed(folder, goes_on=True) as mine:
        assert mine == folder
    assert (folder / left).read_text() == "x"


def test_what_a_killed_run_left_half_written_is_removed(tmp_path: Path):
    folder = a_run(tmp_path / "run", CHECKPOINT, ".part-x1y2")
    with claimed(folder, goes_on=True):
        assert {path.name for path in folder.iterdir()} == {CHECKPOINT, LOCK}


def test_a_config_of_another_program_is_not_replaced(tmp_path: Path):
    folder = a_run(tmp_path / "run", CONFIG)
    with claimed(folder):  # of a run that made no step
        pass
    for other in ("database: x\n", "- 1\n", "\0\1"):
        (folder / CONFIG).write_text(other)
        with pytest.raises(UserError, match=r"holds a config\.yaml"), claimed(folder):
            pass
        assert (folder / CONFIG).read_text() == other


def test_a_start_that_fails_leaves_no_folder(tmp_path: Path):
    with pytest.raises(KeyError), claimed(tmp_path / "runs" / "x"):
        raise KeyError
    assert not (tmp_path / "runs" / "x").exists()


def test_nothing_is_replaced_by_what_is_set_aside(tmp_path: Path):
    path = tmp_path / "losses.csv"
    for number in (1, 2, 3):
        path.write_text(str(number))
        assert set_aside(path) == tmp_path / f"losses.{number}.csv"
    assert [(tmp_path / f"losses.{n}.csv").read_text() for n in (1, 2, 3)] == ["1", "2", "3"]
