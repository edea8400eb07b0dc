"""The hub's paths on local parquet files in the schemas of the two datasets."""

from __future__ import annotations

import io
import os
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import datasets
import numpy as np
import pytest
import torch
from datasets import ClassLabel, Dataset, Features, Image, List, Value
from huggingface_hub import HfApi
from PIL import Image as Pillow

from stylenet.data.choices import coco, wikiart
from stylenet.data.coco import coco_photos
from stylenet.data.hub import HubPhotos
from stylenet.data.photo_cache import open_cache
from stylenet.data.revision import commit_of, pin
from stylenet.data.samples import SamplePhotos
from stylenet.data.stream import HubStream
from stylenet.data.wikiart import wikiart_paintings
from stylenet.system.errors import UserError

ARTISTS = ["Unknown Artist", "claude-monet", "vincent-van-gogh"]
GENRES = ["abstract_painting", "cityscape", "landscape"]
STYLES = ["Abstract_Expressionism", "Impressionism", "Post_Impressionism"]


def encoded(shade: int, width: int = 90, height: int = 70) -> bytes:
    file = io.BytesIO()
    Pillow.fromarray(np.full((height, width, 3), shade, dtype=np.uint8)).save(file, "PNG")
    return file.getvalue()


def save(rows: list[dict], features: Features, folder: Path) -> str:
    (folder / "data").mkdir(parents=True)
    for part in range(2):  # the hub's datasets come in several files too
        name = f"train-0000{part}-of-00002.parquet"
        half = rows[part * len(rows) // 2 : (part + 1) * len(rows) // 2]
        Dataset.from_list(half, features=features).to_parquet(folder / "data" / name)
    return str(folder)


@pytest.fixture
def coco_parquet(tmp_path: Path) -> str:
    features = Features(
        {
            "image_id": Value("int64"),
            "image": Image(),
            "width": Value("int64"),
            "height": Value("int64"),
            "objects": {
                "bbox_id": List(Value("int64")),
                "category": List(ClassLabel(names=["person", "bicycle"])),
                "bbox": List(List(Value("float64"), length=4)),
                "area": List(Value("float64")),
            },
        }
    )
    objects = {"bbox_id": [1], "category": [0], "bbox": [[0.0, 0.0, 5.0, 5.0]], "area": [25.0]}
    rows = [
        {
            "image_id": number,
            "image": {"bytes": encoded(10 * number), "path": f"{number:012}.jpg"},
            "width": 90,
            "height": 70,
            "objects": objects,
        }
        for number in range(10)
    ]
    rows[3]["image"] = {"bytes": encoded(30)[:60], "path": "truncated.jpg"}
    rows[4]["image"] = {"bytes": encoded(40, 20, 20), "path": None}
    return save(rows, features, tmp_path / "coco")


@pytest.fixture
def wikiart_parquet(tmp_path: Path) -> str:
    features = Features(
        {
            "image": Image(),
            "artist": ClassLabel(names=ARTISTS),
            "genre": ClassLabel(names=GENRES),
            "style": ClassLabel(names=STYLES),
        }
    )
    rows = [
        {
            "image": {"bytes": encoded(20 * number), "path": None},
            "artist": number % 3,
            "genre": number % 2,
            "style": number // 6,
        }
        for number in range(12)
    ]
    return save(rows, features, tmp_path / "wikiart")


def shades(cached) -> list[int]:
    return [int(cached[i][0, 0, 0]) for i in range(len(cached))]


def test_coco_is_decoded_into_the_cache(coco_parquet):
    cached = open_cache(coco_photos(None, coco_parquet), 64)
    assert shades(cached) == [0, 10, 20, 50, 60, 70, 80, 90]
    assert cached.names[0] == "000000000000.jpg"
    assert set(cached.shapes) == {(64, 82)}
    reasons = dict(cached.skipped)
    assert "truncated.jpg" in reasons["truncated.jpg"]
    assert "20x20" in reasons[f"{coco_parquet} train 4"]


def test_a_limit_takes_the_first_rows(coco_parquet):
    assert shades(open_cache(coco_photos(None, coco_parquet, limit=3), 64)) == [0, 10, 20]


def test_the_cache_is_reused_until_the_files_change(coco_parquet):
    first = open_cache(coco_photos(None, coco_parquet), 64).data
    assert open_cache(coco_photos(None, coco_parquet), 64).data == first
    changed = next(Path(coco_parquet).rglob("*.parquet"))
    changed.write_bytes(changed.read_bytes())
    assert open_cache(coco_photos(None, coco_parquet), 64).data != first


def test_paintings_are_chosen_by_their_labels(wikiart_parquet):
    def chosen(**labels: list[str]) -> list[int]:
        return shades(open_cache(wikiart_paintings(hub=wikiart_parquet, **labels), 64))

    assert chosen() == [20 * number for number in range(12)]
    assert chosen(style=["Impressionism"]) == [120, 140, 160, 180, 200, 220]
    assert chosen(artist=["claude-monet"], style=["Impressionism"]) == [140, 200]
    assert chosen(artist=["claude-monet", "vincent-van-gogh"], genre=["cityscape"]) == [
        *(20, 100, 140, 220)
    ]
    with pytest.raises(UserError, match=r"no style Impresionism; .* Impressionism"):
        chosen(style=["Impresionism"])


def test_what_cannot_be_found_is_one_line(coco_parquet, tmp_path):
    for photos, message in [
        (HubPhotos(coco_parquet, split="val"), "cannot read the dataset .*val"),
        (
            HubPhotos(coco_parquet, column="picture"),
            "no column picture; choose one of image_id image",
        ),
        (HubPhotos(str(tmp_path / "none")), "cannot read the dataset"),
    ]:
        with pytest.raises(UserError, match=message) as error:
            photos.listing()
        assert "\n" not in str(error.value)


def test_streams_without_a_cache(coco_parquet, cache):
    whole = stream(coco_parquet, 20)
    assert whole.shape == (20, 2, 3, 32, 32)
    assert {round(float(sample.mean() * 255)) for sample in whole.flatten(0, 1)} == {
        *(0, 10, 20, 50, 60, 70, 80, 90)
    }
    assert not cache.exists()


def test_a_stream_resumes_at_its_position(wikiart_parquet):
    whole = stream(wikiart_parquet, 16, coco=False)
    for done in (1, 5, 8, 14):  # six batches an epoch
        assert torch.equal(stream(wikiart_parquet, 16 - done, done, coco=False), whole[done:])
    assert torch.equal(stream(wikiart_parquet, 16, workers=1, coco=False), whole)
    assert torch.equal(stream(wikiart_parquet, 16, workers=2, coco=False), whole)
    first, second = whole[:6].mean((2, 3, 4)).flatten(), whole[6:12].mean((2, 3, 4)).flatten()
    assert not torch.equal(first, second)
    assert torch.allclose(first.sort().values, second.sort().values, atol=1e-4)


def test_a_small_buffer_still_shows_every_picture_once_an_epoch(wikiart_parquet):
    endless = HubStream(HubPhotos(wikiart_parquet), buffer=3).forever(seed=0, start=0)
    shown = [int(photo.decode().rgb[0, 0, 0]) for photo in islice(endless, 24)]
    ordered = [20 * number for number in range(12)]
    assert sorted(shown[:12]) == sorted(shown[12:]) == ordered
    assert shown[:12] != ordered
    assert shown[:12] != shown[12:]


def test_a_stream_of_nothing_good_gives_up(tmp_path):
    features = Features({"image": Image()})
    rows = [{"image": {"bytes": encoded(0, 9, 9), "path": None}} for _ in range(4)]
    with pytest.raises(UserError, match=r"100 pictures of .* in a row cannot be used"):
        stream(save(rows, features, tmp_path / "bad"), 1)


def stream(folder: str, count: int, done: int = 0, workers: int = 0, coco: bool = True):
    options = {"size": 32, "batch_size": 2, "jitter": 0.0, "seed": 3, "workers": workers}
    data = streamed(folder, coco, validation=SamplePhotos(held_out=True), **options)
    data._batches_done = lambda: done
    data.prepare_data()
    return torch.stack(list(islice(data.train_dataloader(), count)))


def streamed(folder: str, is_coco: bool, **options):
    if is_coco:
        return coco(None, folder, None, True, **options)
    return wikiart(None, None, None, folder, None, True, **options)


@pytest.fixture
def hub(coco_parquet: str, monkeypatch: pytest.MonkeyPatch):
    """A stand-in for the hub with one dataset, me/coco, whose newest commit can be set."""
    hub = SimpleNamespace(newest="a" * 40, asked=[], read=[], down=False)
    load = datasets.load_dataset

    def dataset_info(self, name: str, *, revision: str | None = None, timeout: float):
        hub.asked.append((name, revision))
        if hub.down:
            raise ConnectionError("no network")
        return SimpleNamespace(sha={"v1": "1" * 40, None: hub.newest}[revision])

    def load_dataset(name: str, *, revision: str | None, **options):
        hub.read.append((name, revision))
        return load(coco_parquet, **options)

    monkeypatch.setattr(HfApi, "dataset_info", dataset_info)
    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    commit_of.cache_clear()
    yield hub
    commit_of.cache_clear()


def test_a_dataset_that_changed_on_the_hub_is_another(hub):
    first = open_cache(coco_photos(None, "me/coco"), 64)
    hub.newest = "b" * 40
    assert open_cache(coco_photos(None, "me/coco"), 64).data == first.data  # one run, one commit
    commit_of.cache_clear()
    second = open_cache(coco_photos(None, "me/coco"), 64)
    assert second.data != first.data
    assert open_cache(coco_photos(None, "me/coco", revision="a" * 40), 64).data == first.data
    assert hub.read == [("me/coco", "a" * 40), ("me/coco", "b" * 40)]
    assert hub.asked == [("me/coco", None)] * 2


def test_a_tag_is_the_commit_that_it_is_at(hub):
    tagged = open_cache(coco_photos(None, "me/coco", revision="v1"), 64)
    assert hub.read == [("me/coco", "1" * 40)]
    assert open_cache(coco_photos(None, "me/coco", revision="1" * 40), 64).data == tagged.data


def test_a_stream_reads_one_commit(hub):
    source = HubStream(HubPhotos("me/coco")).forever(seed=0, start=0)
    list(islice(source, 12))
    hub.newest = "b" * 40
    list(islice(source, 30))
    assert set(hub.read) == {("me/coco", "a" * 40)}


def test_a_filled_cache_needs_no_network(hub):
    filled = open_cache(coco_photos(None, "me/coco"), 64).data
    commit_of.cache_clear()
    hub.down, hub.read = True, []
    assert open_cache(coco_photos(None, "me/coco"), 64).data == filled
    assert hub.read == []
    with pytest.raises(UserError, match=r"cannot read the dataset me/other \(no network\)"):
        open_cache(coco_photos(None, "me/other"), 64)
    with pytest.raises(UserError, match="cannot read the dataset me/coco at v1"):
        open_cache(coco_photos(None, "me/coco", revision="v1"), 64)


def test_a_config_is_pinned_where_it_reads_the_hub(hub, coco_parquet):
    paintings = {"hub": "me/coco", "revision": "v1"}
    data = {"hub": "me/coco", "path": None, "revision": None, "paintings": paintings}
    pin(data)
    assert (data["revision"], paintings["revision"]) == ("a" * 40, "1" * 40)
    for local in ({"hub": "me/coco", "path": "here"}, {"hub": coco_parquet, "path": None}):
        pin(local | {"revision": None})
    assert len(hub.asked) == 2


def test_rows_of_the_same_size_and_time_are_noticed_in_a_folder(coco_parquet):
    before = HubPhotos(coco_parquet).key()
    changed = next(Path(coco_parquet).rglob("*.parquet"))
    times, content = changed.stat(), changed.read_bytes()
    changed.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
    os.utime(changed, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert HubPhotos(coco_parquet).key() != before


def test_a_stream_is_known_wherever_its_files_lie(wikiart_parquet: str, tmp_path: Path):
    before = HubStream(HubPhotos(wikiart_parquet)).contents()
    moved = Path(wikiart_parquet).rename(tmp_path / "moved")
    assert HubStream(HubPhotos(str(moved))).contents() == before
    with next(moved.rglob("*.parquet")).open("ab") as file:
        file.write(b"x")
    assert HubStream(HubPhotos(str(moved))).contents() != before
