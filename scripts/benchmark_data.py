#!/usr/bin/env python
"""Prepare 10 000 JPEGs, 3 % of them damaged, killed midway and resumed: is nothing lost?

Draws the pictures in a temporary folder, a fortieth of them as copies of others in another size
and quality, damages some, runs `python -m stylenet.prepare` on them, kills it at a third,
runs it again, checks the cache and its lists against what was drawn, and prints images/s.

    python scripts/benchmark_data.py [--count 10000] [--width 640 --height 480]
"""

from __future__ import annotations

import argparse
import csv
import io
import itertools
import os
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from stylenet.data.index import Index, read_index
from stylenet.pictures.images import Bytes

CLASSES = ("animals", "buildings", "food", "people", "streets", "trees")
BAD_EVERY = 33  # about 3 %
COPY_EVERY = 40


def drawn(number: int, width: int, height: int) -> Bytes:
    """Picture `number`, uint8 (height, width, 3): smooth random colours with some grain."""
    random = np.random.default_rng(number)
    coarse = Image.fromarray(random.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC))
    return smooth ^ random.integers(0, 8, smooth.shape, dtype=np.uint8)


def jpeg(rgb: Bytes, quality: int) -> bytes:
    """`rgb` (H, W, 3) as the content of a file."""
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "JPEG", quality=quality)
    return file.getvalue()


def _content(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(change(path.read_bytes())) and None


def _bomb(content: bytes) -> bytes:
    """The file with 65 000 x 65 000 pixels in its frame header."""
    size = content.index(b"\xff\xc0") + 5
    return content[:size] + struct.pack(">HH", 65000, 65000) + content[size + 4 :]


def _link_to_nowhere(path: Path) -> None:
    path.unlink()
    path.symlink_to("gone.jpg")


DAMAGES: dict[str, Callable[[Path], None]] = {
    "truncated in the header": _content(lambda content: content[:100]),
    "truncated early": _content(lambda content: content[: len(content) // 10]),
    "truncated in the middle": _content(lambda content: content[: len(content) // 2]),
    "truncated late": _content(lambda content: content[: len(content) * 95 // 100]),
    "empty": _content(lambda _: b""),
    "zeros": _content(lambda content: bytes(len(content))),
    "text": _content(lambda _: b"not a picture\n" * 50),
    "HTML error page": _content(lambda _: b"<!DOCTYPE html><title>404 Not Found</title>"),
    "wrong magic": _content(lambda content: b"\x89PNG" + content[4:]),
    "flipped bytes in the header": _content(
        lambda content: content[:2] + bytes(255 - byte for byte in content[2:40]) + content[40:]
    ),
    "random bytes": _content(lambda content: np.random.default_rng(0).bytes(len(content))),
    "one pixel": _content(lambda _: jpeg(np.zeros((1, 1, 3), np.uint8), 85)),
    "bomb": _content(_bomb),
    "link to nowhere": _link_to_nowhere,
    "forbidden": lambda path: path.chmod(0),
}
"""Ways to damage the JPEG at a path. Only a process that may not read everything sees the last."""


def draw_files(
    folder: Path, count: int, width: int, height: int, bad_every: int = BAD_EVERY
) -> tuple[set[str], set[frozenset[str]]]:
    """Draw `count` JPEGs in a folder for each class, and damage each `bad_every`th of them.

    Returns the names of the damaged ones, and the pairs of names of those that look alike.
    """
    for name in CLASSES:
        (folder / name).mkdir(parents=True)
    bad = range(0, count, bad_every)
    copies = [n for n in range(2, count, COPY_EVERY) if n not in bad and n - 1 not in bad]
    shown = [n - 1 if n in copies else n for n in range(count)]
    with ProcessPoolExecutor() as pool:
        list(pool.map(partial(_draw_file, folder, width, height), range(count), shown))
    for number, damage in zip(bad, itertools.cycle(DAMAGES.values()), strict=False):
        damage(folder / _name(number))
    alike = {frozenset({_name(number), _name(number - 1)}) for number in copies}
    return {_name(number) for number in bad}, alike


def _name(number: int) -> str:
    share = (number * 0.618034) % 1  # spread evenly, whatever the number is divisible by
    return f"{CLASSES[int(share**2 * len(CLASSES))]}/{number:05}.jpg"


def _draw_file(folder: Path, width: int, height: int, number: int, shown: int) -> None:
    """File `number`, which shows picture `shown`: its own, or smaller that of another file."""
    rgb, quality = drawn(shown, width, height), 85
    if shown != number:
        size = width * 2 // 3, height * 2 // 3
        rgb, quality = np.asarray(Image.fromarray(rgb).resize(size)), 60
    (folder / _name(number)).write_bytes(jpeg(rgb, quality))


def command(folder: Path) -> list[str]:
    """The command line that prepares `folder`, without root's right to read everything."""
    run = [sys.executable, "-m", "stylenet.prepare", "trainer=cpu", "data=folder"]
    if os.geteuid() == 0:
        run = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *run]
    return [*run, f"data.path={folder}"]


def kill_midway(run: list[str], cache: Path, wanted: int) -> int:
    """Start `run`, kill it once its index tells of `wanted` pictures; returns how many it does."""
    process = subprocess.Popen(run)
    while process.poll() is None and _found(cache) < wanted:
        time.sleep(0.02)
    process.kill()
    process.wait()
    return _found(cache)


def _found(cache: Path) -> int:
    return max((len(read_index(file).entries) for file in cache.rglob("*.json")), default=0)


def check(cache: Path, folder: Path, bad: set[str], copies: set[frozenset[str]]) -> Index:
    """Hold the prepared cache and its lists against what was drawn, and return its index."""
    [file] = cache.rglob("*.json")
    index = read_index(file)
    names = [entry.name for entry in index.entries]
    assert index.whole
    assert names == sorted(names)
    assert set(names) == {str(path.relative_to(folder)) for path in folder.rglob("*.jpg")}
    assert len(names) == len(set(names)), "doubled"
    assert file.with_suffix(".rgb").stat().st_size == index.size
    assert {entry.name for entry in index.entries if entry.shape is None} == bad
    listed = dict(rows(file.with_suffix(".bad.csv")))
    assert set(listed) == bad
    assert all(listed.values())
    assert {frozenset(row) for row in rows(file.with_suffix(".duplicates.csv"))} == copies
    return index


def rows(path: Path) -> list[list[str]]:
    """The rows of a CSV file, without its heading."""
    with path.open() as file:
        return list(csv.reader(file))[1:]


def content_is_right(cache: Path, index: Index, folder: Path, every: int) -> bool:
    """Whether the bytes of each `every`th picture are those of its file, decoded by pillow."""
    side = int(next(cache.rglob("*.rgb")).stem.split("-")[1])
    content = np.memmap(next(cache.rglob("*.rgb")), np.uint8, "r")
    start = 0
    for number, entry in enumerate(index.entries):
        if entry.shape is not None and number % every == 0:
            height, width = entry.shape
            with Image.open(folder / entry.name) as image:
                assert min(height, width) == min(side, *image.size)
                small = image.resize((width, height), Image.Resampling.BICUBIC)
            if not np.array_equal(content[start : start + entry.size], np.asarray(small).ravel()):
                return False
        start += entry.size
    return True


def benchmark(root: Path, count: int, width: int, height: int) -> None:
    """Draw, prepare, kill, resume and check in the folder `root`."""
    photos, cache = root / "photos", root / "cache"
    start = time.perf_counter()
    bad, copies = draw_files(photos, count, width, height)
    print(f"drew {count} JPEGs of {width}x{height}, {len(bad)} damaged in {len(DAMAGES)} ways,")
    print(f"{len(copies)} copies of others, in {time.perf_counter() - start:.0f} s", flush=True)
    os.environ["STYLENET_CACHE"] = str(cache)
    kept = kill_midway(command(photos), cache, count // 3)
    assert count // 3 <= kept < count, f"killed at {kept}: too late"
    print(f"killed with {kept} of {count} pictures in the index; resuming\n", flush=True)
    printed = subprocess.run(command(photos), check=True, capture_output=True, text=True).stdout
    print(printed)
    assert f"decoded {count - kept} in" in printed
    index = check(cache, photos, bad, copies)
    assert content_is_right(cache, index, photos, every=50)
    again = subprocess.run(command(photos), check=True, capture_output=True, text=True).stdout
    assert "decoded" not in again
    good = count - len(bad)
    print(f"all {good} good ones are in, once; all {len(bad)} bad ones and copies are listed")


def main() -> None:
    """Run the benchmark in a temporary folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000, help="pictures (10000)")
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--height", type=int, default=480)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        benchmark(Path(folder), args.count, args.width, args.height)


if __name__ == "__main__":
    main()
