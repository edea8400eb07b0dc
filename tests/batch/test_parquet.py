"""Parquet files: which column, what the results are called, and the very bytes of each row."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from stylenet.batch.parquet import Pictures, Row, UnreadableError, plan_rows
from stylenet.batch.plan import plan_many
from stylenet.system.errors import UserError

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


def encoded(level: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.full((40, 40, 3), level, np.uint8)).save(file, "PNG")
    return file.getvalue()


def store(path: Path, columns: dict[str, Any], group: int = 1000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.table(columns), path, row_group_size=group)
    return path


def names(file: Path, out: Path) -> list[str]:
    targets = plan_rows({file: Path(file.stem)}, out)
    return [path.relative_to(out / file.stem).as_posix() for path in targets.values()]


def test_every_row_gives_its_own_bytes_in_any_order(tmp_path: Path):
    contents = [encoded(level) for level in range(50)]
    file = store(tmp_path / "a.parquet", {"n": range(50), "image": contents}, group=7)
    pictures = Pictures()
    for number in [0, 1, 5, 6, 20, 49, 3, 3, 4, 48]:
        assert pictures.read(Row(file, number)).read() == contents[number]


def test_results_are_called_after_the_number(tmp_path: Path):
    file = store(tmp_path / "a.parquet", {"label": ["x", "y"], "photo": [b"1", b"2"]})
    assert names(file, tmp_path) == ["000000.png", "000001.png"]


def test_results_are_called_after_the_path_of_the_hub_or_of_a_column(tmp_path: Path):
    cells = [{"bytes": b"1", "path": "a.JPG"}, {"bytes": b"2", "path": None}]
    file = store(tmp_path / "a.parquet", {"image": cells, "name": ["x", "y"]})
    assert names(file, tmp_path) == ["a.jpg", "000001.png"]
    file = store(
        tmp_path / "b.parquet", {"image": [b"1", b"2"], "file_name": ["x.webp", "b/y.gif"]}
    )
    assert names(file, tmp_path) == ["x.webp", "b/y.png"]


def test_no_name_leads_out_of_the_folder(tmp_path: Path):
    bad = ["../../up.png", "/etc/passwd.png", "a/../../b.png", "..", "x\0.png", "l" * 300, "", "."]
    file = store(tmp_path / "a.parquet", {"image": [b"1"] * len(bad), "path": bad})
    for path in plan_rows({file: Path("a")}, tmp_path / "out").values():
        assert ".." not in path.parts
        assert path.is_relative_to(tmp_path / "out" / "a")
        assert path.suffix == ".png"
        assert len(path.name) < 255


def test_equal_names_are_told_apart_by_their_numbers(tmp_path: Path):
    file = store(tmp_path / "a.parquet", {"image": [b"1"] * 3, "path": ["a.png"] * 3})
    assert names(file, tmp_path) == ["a.png", "a-1.png", "a-2.png"]


def test_a_folder_of_parquet_is_mirrored_and_one_of_pictures_is_not(tmp_path: Path):
    files = [
        store(tmp_path / "set" / name, {"image": [b"1"]}) for name in ("a.parquet", "b/c.parquet")
    ]
    planned = plan_many([tmp_path / "set"], str(tmp_path / "out"))
    expected = {Row(files[0], 0): "a/000000.png", Row(files[1], 0): "b/c/000000.png"}
    assert planned == {row: tmp_path / "out" / path for row, path in expected.items()}
    photo = tmp_path / "set" / "photo.png"
    photo.write_bytes(encoded(9))
    assert plan_many([tmp_path / "set"], str(tmp_path / "out")) == {
        photo: tmp_path / "out/photo.png"
    }
    with pytest.raises(UserError, match=r"photo\.png is no Parquet, .*a\.parquet is; give one"):
        plan_many([files[0], photo], str(tmp_path / "out"))


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"label": [1, 2]}, "has no column of pictures"),
        ({"image": pa.array([], "binary")}, "no rows"),
    ],
)
def test_a_file_without_pictures_is_named(tmp_path: Path, columns: dict[str, Any], told: str):
    file = store(tmp_path / "a.parquet", columns)
    with pytest.raises(UserError, match=rf"a\.parquet.* {told}"):
        plan_rows({file: Path("a")}, tmp_path)


def test_a_damaged_file_is_named(tmp_path: Path):
    file = store(tmp_path / "a.parquet", {"image": [encoded(1)] * 3})
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match=r"cannot read .*a\.parquet \("):
        plan_rows({file: Path("a")}, tmp_path)


def test_a_row_without_bytes_fails_alone(tmp_path: Path):
    cells = [{"bytes": None, "path": "/etc/passwd"}, {"bytes": encoded(2), "path": None}]
    file = store(tmp_path / "a.parquet", {"image": cells})
    pictures = Pictures()
    with pytest.raises(UnreadableError, match=r"a\.parquet, row 0 holds no picture"):
        pictures.read(Row(file, 0))
    assert pictures.read(Row(file, 1)).read() == encoded(2)
