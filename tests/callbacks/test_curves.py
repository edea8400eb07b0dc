"""Loss curves on disk: what a crash cuts short is no row."""

from pathlib import Path

import pytest

from stylenet.callbacks.curves import read_rows

ROWS = "step,total,seconds\n1,2.5,0.25\n2,2.25,0.75\n"


@pytest.mark.parametrize("cut", ["", "\n"])
def test_whole_rows_are_read(tmp_path: Path, cut: str):
    path = tmp_path / "losses.csv"
    path.write_text(ROWS + cut)
    assert [row["seconds"] for row in read_rows(path)] == ["0.25", "0.75"]


@pytest.mark.parametrize("length", range(1, len("2,2.25,0.75\n")))
def test_a_last_row_cut_anywhere_is_left_out(tmp_path: Path, length: int):
    path = tmp_path / "losses.csv"
    path.write_text(ROWS[:-length])
    assert [row["step"] for row in read_rows(path)] == ["1"]
