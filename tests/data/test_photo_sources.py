from __future__ import annotations

import pytest

from stylenet.data import samples
from stylenet.data.choices import coco, folder
from stylenet.data.coco import coco_photos
from stylenet.data.folder import FolderPhotos
from stylenet.data.hub import HubPhotos
from stylenet.data.samples import SamplePhotos
from stylenet.system.errors import UserError


def names(source) -> list[str]:
    return [photo.name for photo in source.listing().photos]


def test_the_samples_are_photographs_without_the_held_out_ones():
    training, held_out = names(SamplePhotos()), names(SamplePhotos(held_out=True))
    assert {"astronaut", "chelsea", "coffee", "motorcycle_left", "rocket"} <= set(training)
    assert set(held_out) == {"china", "flower", "grace_hopper"}
    assert not set(training) & set(held_out)
    for source in (SamplePhotos(), SamplePhotos(held_out=True)):
        pictures = [photo.decode() for photo in source.listing().photos]
        assert all(min(picture.size) >= 150 for picture in pictures)
        assert SamplePhotos(source.held_out).key() == source.key()
    assert SamplePhotos().key() != SamplePhotos(held_out=True).key()


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(samples, "find_spec", lambda _: None)
    with pytest.raises(UserError, match="pip install scikit-image"):
        SamplePhotos().listing()


def test_a_folder_is_searched_at_any_depth_in_order(photos, draw):
    draw(photos / "B.JPG")
    (photos / "notes.txt").write_text("no picture")
    draw(photos / ".trash" / "6.png")
    listing = FolderPhotos(str(photos)).listing()
    assert listing.count == 6
    assert [p.name for p in listing.photos] == [
        "0.png",
        "1.png",
        "2.png",
        "3.png",
        "B.JPG",
        "deeper/4.png",
    ]
    assert names(FolderPhotos(str(photos), limit=2)) == ["0.png", "1.png"]


def test_folders_without_pictures_are_errors(tmp_path):
    with pytest.raises(UserError, match="missing is not a folder"):
        FolderPhotos(str(tmp_path / "missing")).listing()
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="empty holds no pictures"):
        FolderPhotos(str(tmp_path / "empty")).listing()
    with pytest.raises(UserError, match=r"data\.path=FOLDER"):
        folder(None)


@pytest.mark.parametrize("layout", ["train2017", "images/train2017"])
def test_coco_is_found_in_both_layouts(tmp_path, draw, layout):
    for number in range(3):
        draw(tmp_path / layout / f"{number:012}.jpg", seed=number)
    draw(tmp_path / layout.replace("train", "val") / "9.jpg")
    assert len(names(coco_photos(str(tmp_path)))) == 3
    assert names(coco_photos(str(tmp_path), limit=1)) == ["000000000000.jpg"]


def test_coco_elsewhere(tmp_path):
    with pytest.raises(UserError, match="train2017"):
        coco_photos(str(tmp_path))
    assert coco_photos(None, limit=5) == HubPhotos("detection-datasets/coco", limit=5)


def test_streaming_needs_the_hub(tmp_path, draw):
    draw(tmp_path / "train2017" / "1.jpg")
    with pytest.raises(UserError, match="leave out"):
        coco(str(tmp_path), "detection-datasets/coco", None, True, validation=SamplePhotos(True))
