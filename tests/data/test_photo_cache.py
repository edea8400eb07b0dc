from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from stylenet.data import photo_cache as cache_module
from stylenet.data.folder import FolderPhotos
from stylenet.data.photo_cache import PhotoCache, open_cache
from stylenet.data.source import Listing, Photo
from stylenet.pictures.images import Picture, read_picture
from stylenet.system.errors import UserError

BUILD = """
import hashlib, resource, sys
from stylenet.data.photo_cache import open_cache
from stylenet.data.folder import FolderPhotos
from stylenet.system.errors import UserError
if len(sys.argv) > 2:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
try:
    photos = open_cache(FolderPhotos(sys.argv[1]), 64)
except UserError as error:
    sys.exit(str(error))
print(hashlib.sha256(b"".join(photos[i].tobytes() for i in range(len(photos)))).hexdigest())
"""


@dataclass
class Counted:
    """A folder that counts how often its pictures are decoded."""

    folder: FolderPhotos
    decoded: list[str] = field(default_factory=list)

    @property
    def title(self) -> str:
        return self.folder.title

    def key(self) -> str:
        return self.folder.key()

    def listing(self) -> Listing:
        listing = self.folder.listing()
        return Listing(listing.count, [self._counting(photo) for photo in listing.photos])

    def _counting(self, photo: Photo) -> Photo:
        def decode(shorter_side: int | None = None) -> Picture:
            self.decoded.append(photo.name)
            return photo.decode(shorter_side)

        return Photo(photo.name, decode)


def all_bytes(photos: PhotoCache) -> list[bytes]:
    return [photos[i].tobytes() for i in range(len(photos))]


def test_holds_what_decoding_and_resizing_give(photos, draw):
    draw(photos / "wide.jpg", 400, 160)
    draw(photos / "tall.png", 100, 301)

    cached = open_cache(FolderPhotos(str(photos)), 80)

    assert sorted(cached.names) == cached.names
    sizes = {"wide.jpg": (200, 80), "tall.png": (80, 241)}  # the others are 96 by 80 already
    for number, name in enumerate(cached.names):
        image = Image.fromarray(read_picture(photos / name).rgb)
        expected = image.resize(sizes.get(name, image.size), Image.Resampling.BICUBIC)
        np.testing.assert_array_equal(cached[number], np.asarray(expected))


def test_never_enlarges(photos):
    assert open_cache(FolderPhotos(str(photos)), 500).shapes == [(80, 96)] * 5


def test_decodes_once_over_all_runs(photos):
    source = Counted(FolderPhotos(str(photos)))
    first = open_cache(source, 64)
    again = open_cache(source, 64)

    assert len(source.decoded) == 5
    assert all_bytes(again) == all_bytes(first)


def test_a_changed_photograph_and_another_side_are_decoded_anew(photos, draw):
    before = open_cache(FolderPhotos(str(photos)), 80)
    draw(photos / "0.png", seed=99)
    after = open_cache(FolderPhotos(str(photos)), 80)

    changed = [old != new for old, new in zip(all_bytes(before), all_bytes(after), strict=True)]
    assert changed == [True, False, False, False, False]
    assert open_cache(FolderPhotos(str(photos)), 64).shapes == [(64, 77)] * 5


@pytest.mark.parametrize(
    ("suffix", "damage"),
    [
        (".rgb", lambda content: content[:-1]),
        (".rgb", lambda content: content + b"x"),
        (".rgb", lambda content: b""),
        (".json", lambda content: content[: len(content) // 2]),
        (".json", lambda content: b'{"names": []}'),
        (".json", lambda content: b""),
        (".json", lambda content: b"[]\n"),
        (".json", lambda content: b"[" * 100_000 + b"\n"),
        (".json", lambda content: b"\xff\xfe\n" + content),
        (".json", lambda content: content.replace(b"64, 77", b"77, 64", 1)),
        (".json", lambda content: content.replace(b"64, 77", b"-64, -77", 1)),
        (".json", lambda content: content.replace(b"64, 77", b"64.5, 77", 1)),
        (".json", lambda content: content.replace(b"0.png", b"9.png", 1)),
        (".json", lambda content: content + b'{"duplicates": [[99, 0]]}\n'),
        (".json", lambda content: content + b'{"duplicates": 7}\n'),
        (".json", lambda content: content + content),
    ],
)
def test_a_damaged_cache_is_rebuilt(photos, suffix, damage):
    source = Counted(FolderPhotos(str(photos)))
    whole = open_cache(source, 64)
    expected = all_bytes(whole)
    file = whole.data.with_suffix(suffix)
    file.write_bytes(damage(file.read_bytes()))

    assert all_bytes(open_cache(source, 64)) == expected
    assert len(source.decoded) == 10


@pytest.mark.parametrize("seed", range(40))
def test_an_index_with_a_byte_changed_gives_the_right_photographs(photos, seed):
    source = FolderPhotos(str(photos))
    whole = open_cache(source, 64)
    expected = all_bytes(whole)
    random = np.random.default_rng(seed)
    content = bytearray(whole.index.read_bytes())
    content[random.integers(len(content))] = random.integers(256)
    whole.index.write_bytes(content)
    again = open_cache(source, 64)
    assert (again.names, all_bytes(again)) == (whole.names, expected)


def test_an_index_of_an_earlier_version_still_opens(photos):
    """Its lines had no sums."""
    source = Counted(FolderPhotos(str(photos)))
    whole = open_cache(source, 64)
    lines = whole.index.read_bytes().splitlines()
    whole.index.write_bytes(b"".join(line.rpartition(b"\t")[0] + b"\n" for line in lines))
    source.decoded.clear()
    assert all_bytes(open_cache(source, 64)) == all_bytes(whole)
    assert not source.decoded


def test_bad_files_are_skipped_counted_and_listed(photos, draw):
    whole = draw(photos / "truncated.jpg", 300, 300).read_bytes()
    (photos / "truncated.jpg").write_bytes(whole[: len(whole) // 2])
    (photos / "text.jpg").write_text("not a picture")
    (photos / "empty.png").touch()
    draw(photos / "tiny.png", 10, 10)
    draw(photos / "narrow.png", 63, 200)
    draw(photos / "just.png", 64, 64)

    for _ in ("built", "reused"):
        cached = open_cache(FolderPhotos(str(photos)), 64)
        assert len(cached) == 6
        assert [name for name, _ in cached.skipped] == [
            "empty.png",
            "narrow.png",
            "text.jpg",
            "tiny.png",
            "truncated.jpg",
        ]
        assert "10x10" in dict(cached.skipped)["tiny.png"]
        assert "text.jpg" in dict(cached.skipped)["text.jpg"]
        assert cached.skipped_line().startswith("skipped 5 of 11 pictures: ")


def test_a_set_that_is_all_bad_is_an_error(tmp_path, cache, draw):
    draw(tmp_path / "bad" / "tiny.png", 10, 10)
    (tmp_path / "bad" / "text.jpg").write_text("not a picture")

    with pytest.raises(UserError, match=r"none of 2 pictures of .*bad can be used"):
        open_cache(FolderPhotos(str(tmp_path / "bad")), 64)
    assert list((cache / "photos").iterdir()) == []


def test_a_disk_that_fills_up_leaves_nothing_behind(photos, cache):
    result = build(photos, "20000").communicate()
    assert "cannot write" in result[1]
    assert len(result[1].splitlines()) == 1
    assert list((cache / "photos").iterdir()) == []


def test_too_little_room_is_noticed_early(tmp_path, cache, draw, monkeypatch):
    for number in range(40):
        draw(tmp_path / "many" / f"{number}.png", 64, 64)
    source = Counted(FolderPhotos(str(tmp_path / "many")))
    needed = (40 - 16) * 64 * 64 * 3
    monkeypatch.setattr(
        cache_module.shutil, "disk_usage", lambda _: SimpleNamespace(free=needed - 1)
    )
    with pytest.raises(UserError, match="STYLENET_CACHE"):
        open_cache(source, 64)
    assert list((cache / "photos").iterdir()) == []

    monkeypatch.setattr(cache_module.shutil, "disk_usage", lambda _: SimpleNamespace(free=needed))
    assert len(open_cache(source, 64)) == 40


def test_two_runs_may_build_the_same_cache_at_once(photos, cache):
    runs = [build(photos), build(photos)]
    digests = {run.communicate()[0].strip() for run in runs}

    content = b"".join(all_bytes(open_cache(FolderPhotos(str(photos)), 64)))
    assert digests == {hashlib.sha256(content).hexdigest()}
    assert len(list((cache / "photos").iterdir())) == 2


def build(photos: Path, *limit: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", BUILD, str(photos), *limit]
    return subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_contents_are_known_wherever_they_lie(photos: Path, tmp_path: Path):
    before = open_cache(FolderPhotos(str(photos)), 64).contents
    assert before["count"] == 5
    moved = photos.rename(tmp_path / "moved")
    assert open_cache(FolderPhotos(str(moved)), 64).contents == before


def test_other_contents_are_other_even_if_they_look_the_same(photos: Path):
    before = open_cache(FolderPhotos(str(photos)), 80).contents
    pixels = read_picture(photos / "2.png").rgb.copy()
    pixels[0, 0, 0] ^= 1
    Image.fromarray(pixels).save(photos / "2.png")
    changed = open_cache(FolderPhotos(str(photos)), 80).contents
    assert changed["looks"] == before["looks"]
    assert changed["pixels"] != before["pixels"]
    (photos / "0.png").rename(photos / "9.png")  # another order is another training
    assert open_cache(FolderPhotos(str(photos)), 80).contents["looks"] != before["looks"]


def test_an_older_cache_has_no_sum_of_pixels(photos: Path):
    source = FolderPhotos(str(photos))
    new = open_cache(source, 64)
    lines = [json.loads(line.split("\t")[0]) for line in new.index.read_text().splitlines()]
    lines[0]["pictures"] = [entry[:5] for entry in lines[0]["pictures"]]
    new.index.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert open_cache(source, 64).contents == new.contents | {"pixels": None}
