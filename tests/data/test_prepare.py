"""Preparing pictures as a user does: damage listed, kills survived, copies left out, balance."""

from __future__ import annotations

import csv
import importlib.util
import io
import os
import re
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from datasets import ClassLabel, Dataset, Features, Image
from PIL import Image as Pillow

from stylenet.config import hardware
from stylenet.data.balance import balances, table
from stylenet.data.duplicates import dhash, find_duplicates
from stylenet.data.folder import FolderPhotos
from stylenet.data.hub import HubPhotos
from stylenet.data.index import Entry, append_end, append_entries, locked, read_index
from stylenet.data.photo_cache import open_cache
from stylenet.data.samples import SamplePhotos
from stylenet.pictures.images import read_picture
from stylenet.pictures.resizing import shrink
from stylenet.prepare import data_module, main

SCRIPT = Path(__file__).parents[2] / "scripts" / "benchmark_data.py"

BUILD = """
import sys
from stylenet.data.photo_cache import open_cache
from stylenet.data.folder import FolderPhotos
open_cache(FolderPhotos(sys.argv[1]), 320)
"""


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_data", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["benchmark_data"] = module  # where its processes look for its functions
    spec.loader.exec_module(module)
    return module


def rows(path: Path) -> list[list[str]]:
    with path.open() as file:
        return list(csv.reader(file))


def prepared(folder: Path, *overrides: str) -> int:
    return main(["data=folder", f"data.path={folder}", "trainer=cpu", "data.size=64", *overrides])


def test_damaged_files_and_copies_are_listed_and_the_rest_is_in(
    benchmark, tmp_path, cache, monkeypatch, capsys
):
    ways = dict(benchmark.DAMAGES)
    if os.geteuid() == 0:
        del ways["forbidden"]  # nothing is, to root
    monkeypatch.setattr(benchmark, "DAMAGES", ways)
    photos = tmp_path / "photos"
    bad, copies = benchmark.draw_files(photos, 240, 150, 114, bad_every=12)
    assert len(bad) >= len(ways)
    assert len(copies) >= 5

    assert prepared(photos) == 0

    index = benchmark.check(cache, photos, bad, copies)
    assert benchmark.content_is_right(cache, index, photos, every=1)
    printed = capsys.readouterr().out
    assert f"{240 - len(bad)} of 240 pictures are in" in printed
    assert "decoded 240 in" in printed
    assert "images/s" in printed


def test_training_finds_the_cache_ready_and_without_duplicates(photos, cache, draw):
    draw(photos / "wide.png", 200, 100, seed=9)
    draw(photos / "wide again.jpg", 300, 150, seed=9)
    prepared(photos)
    before = {path: path.stat().st_mtime_ns for path in (cache / "photos").iterdir()}

    overrides = ["data=folder", f"data.path={photos}", "trainer=cpu", "data.size=64"]
    trained_on = data_module(overrides).photos

    assert trained_on.names == [
        *("0.png", "1.png", "2.png", "3.png", "deeper/4.png"),
        "wide again.jpg",
    ]
    for number, name in enumerate(trained_on.names):
        expected = shrink(read_picture(photos / name).rgb, 320)
        np.testing.assert_array_equal(trained_on[number], expected)
    assert {path: path.stat().st_mtime_ns for path in (cache / "photos").iterdir()} == before
    assert rows(next(cache.rglob("*.duplicates.csv"))) == [
        ["picture", "looks like"],
        ["wide.png", "wide again.jpg"],
    ]


def test_one_cache_serves_the_crops_of_all_hardware(tmp_path, draw, cache, monkeypatch):
    draw(tmp_path / "photos" / "large.png", 500, 400)
    draw(tmp_path / "styles" / "large.png", 700, 600)
    overrides = ["data=folder", f"data.path={tmp_path / 'photos'}", "task=arbitrary", "net=adain"]
    overrides.append(f"data.styles={tmp_path / 'styles'}")
    opened = []
    for kind in ("cpu", "cpu_bf16", "gpu"):
        monkeypatch.setattr(hardware, "kind", lambda accelerator, kind=kind: kind)
        assert main(overrides) == 0
        module = data_module(overrides)
        opened.append((module.crop.size, (module.photos.data, module.beside.data)))
    assert {size for size, _ in opened} == {192, 256}
    assert len({files for _, files in opened}) == 1
    assert len(list(cache.rglob("*.rgb"))) == 2


def test_style_pictures_are_prepared_too(tmp_path, draw, cache, capsys):
    for name in ("photos", "styles"):
        (tmp_path / name).mkdir()
        draw(tmp_path / name / "a.png")
    styles = ["task=arbitrary", "net=adain", f"data.styles={tmp_path / 'styles'}"]
    assert prepared(tmp_path / "photos", *styles) == 0
    assert "shorter side 512" in capsys.readouterr().out  # twice the largest default crops' 256
    module = data_module(
        ["data=folder", f"data.path={tmp_path / 'photos'}", "data.size=64", *styles]
    )
    before = [path.stat().st_mtime_ns for path in sorted(cache.rglob("*"))]
    assert module.beside is not None
    assert [path.stat().st_mtime_ns for path in sorted(cache.rglob("*"))] == before


def test_a_killed_run_is_gone_on_with(benchmark, tmp_path, cache, capsys):
    photos = tmp_path / "photos"
    for number in range(700):
        path = photos / f"{number:03}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(benchmark.jpeg(benchmark.drawn(number, 160, 120), 85))
    kept = benchmark.kill_midway([sys.executable, "-c", BUILD, str(photos)], cache, 1)
    assert 0 < kept < 700, "killed too late"

    assert prepared(photos) == 0

    said = capsys.readouterr().out
    assert f"decoded {700 - kept} in" in said
    assert re.search(r"Next:\n  .*stylenet train data=folder .*\n$", said)
    [file] = cache.rglob("*.json")
    index = read_index(file)
    assert [entry.name for entry in index.entries] == [f"{number:03}.jpg" for number in range(700)]
    assert benchmark.content_is_right(cache, index, photos, every=7)


@pytest.mark.parametrize("cut", [1, 5, 20, 60, 100])
def test_a_run_killed_while_it_wrote_loses_and_doubles_nothing(photos, cut):
    """The index cut at some bytes from its end, the data with bytes it does not tell of."""
    source = FolderPhotos(str(photos))
    whole = open_cache(source, 80)
    expected = [whole[number].tobytes() for number in range(5)]
    entries = read_index(whole.index).entries
    whole.index.unlink()
    with locked(whole.index) as file:
        append_entries(file, entries[:2])
        append_entries(file, entries[2:4])
        append_end(file)
    content = whole.index.read_bytes()
    whole.index.write_bytes(content[: -len(b'{"whole": true}\n') - cut])

    again = open_cache(source, 80)

    assert again.names == whole.names
    assert [again[number].tobytes() for number in range(5)] == expected
    assert whole.data.stat().st_size == sum(map(len, expected))


def test_classes_are_counted_by_what_became_of_their_pictures(tmp_path, draw, cache, capsys):
    for number in range(6):
        draw(tmp_path / "p" / "cats" / f"{number}.png", seed=number)
    draw(tmp_path / "p" / "dogs" / "same as a cat.png", seed=3)
    draw(tmp_path / "p" / "dogs" / "dog.png", seed=20)
    (tmp_path / "p" / "dogs" / "text.png").write_text("woof")

    prepared(tmp_path / "p")

    assert rows(next(cache.rglob("*.balance.csv"))) == [
        ["column", "label", "pictures", "share", "bad", "duplicates"],
        ["folder", "cats", "6", str(6 / 7), "0", "0"],
        ["folder", "dogs", "1", str(1 / 7), "1", "1"],
    ]
    assert "2 classes of folder, from 1 (dogs) to 6 (cats) pictures" in capsys.readouterr().out


def test_class_columns_of_a_dataset_are_labels(tmp_path, benchmark):
    features = Features(
        {"image": Image(), "style": ClassLabel(names=["Cubism", "Rococo"]), "kind": ClassLabel(1)}
    )
    pictures = [benchmark.jpeg(benchmark.drawn(number, 90, 70), 85) for number in range(4)]
    table = [
        {"image": {"bytes": content, "path": None}, "style": style, "kind": 0}
        for content, style in zip(pictures, [0, 1, 1, None], strict=True)
    ]
    (tmp_path / "hub").mkdir()
    Dataset.from_list(table, features=features).to_parquet(tmp_path / "hub" / "train.parquet")

    index = read_index(open_cache(HubPhotos(str(tmp_path / "hub")), 64).index)

    found = balances(index.entries, duplicates=[])
    assert [(row.column, row.label, row.pictures) for row in found] == [
        ("style", "Rococo", 2),
        ("style", "Cubism", 1),
        ("style", "unlabelled", 1),
    ]


def test_a_long_table_shows_the_fullest_classes():
    entries = [Entry("x", {"k": f"class {n}"}, (64, 64)) for n in range(30) for _ in range(30 - n)]
    lines = table(balances(entries, [])).splitlines()
    assert len(lines) == 1 + 20 + 2
    assert lines[1].split()[:3] == ["class", "0", "30"]
    assert lines[-2:] == [
        "… and 10 with fewer",
        "30 classes of k, from 1 (class 29) to 30 (class 0) pictures",
    ]


def test_copies_are_found_among_photographs_and_no_others(benchmark):
    rgbs = [photo.decode().rgb for photo in SamplePhotos().listing().photos]
    pictures = [shrink(rgb, 160) for rgb in rgbs]
    for rgb in rgbs:
        half = Pillow.fromarray(rgb).resize((rgb.shape[1] // 2, rgb.shape[0] // 2))
        file = Pillow.open(io.BytesIO(benchmark.jpeg(np.asarray(half), quality=60)))
        pictures.append(shrink(np.asarray(file), 120))
    pictures += [np.ascontiguousarray(rgb[:, ::-1]) for rgb in pictures[: len(rgbs)]]
    pictures += [255 - rgb for rgb in pictures[: len(rgbs)]]
    shapes = [(rgb.shape[0], rgb.shape[1]) for rgb in pictures]
    entries = {
        number: Entry("", {}, shape, dhash(rgb))
        for number, (rgb, shape) in enumerate(zip(pictures, shapes, strict=True))
    }
    count = len(rgbs)
    assert find_duplicates(entries) == {count + number: number for number in range(count)}


def test_flat_pictures_of_different_colours_or_shapes_differ():
    def flat(height: int, width: int, colour: int) -> Entry:
        return Entry("", {}, (height, width), dhash(np.full((height, width, 3), colour, np.uint8)))

    entries = [flat(80, 100, 50), flat(80, 100, 60), flat(80, 120, 50), flat(64, 80, 51)]
    assert find_duplicates(dict(enumerate(entries))) == {3: 0}


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["data=folder"], "add data.path=FOLDER"),
        (["data=folder", "data.path=nowhere"], "nowhere is not a folder"),
        (["data=folder", "data.pth=x"], "data.pth"),
        (["data.size=many"], "should be a whole number"),
        (["data=coco", "data.streaming=true"], "leave it out"),
    ],
)
def test_mistakes_are_one_line(overrides, message, capsys):
    with pytest.raises(SystemExit) as exit:
        main(overrides)
    printed = capsys.readouterr().err
    assert exit.value.code == 2
    assert message in printed
    assert len(printed.splitlines()) == 1
