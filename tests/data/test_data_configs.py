from __future__ import annotations

import pytest
from hydra import compose, initialize_config_dir
from hydra.errors import InstantiationException
from hydra.utils import instantiate

from stylenet.config.compose import FOLDER
from stylenet.data.folder import FolderPhotos
from stylenet.data.hub import HubPhotos
from stylenet.data.module import PhotoDataModule
from stylenet.data.samples import SamplePhotos
from stylenet.data.stream import HubStream
from stylenet.system.errors import UserError, find_user_error

COMMIT = "a" * 40


def data(choice: str, *overrides: str) -> PhotoDataModule:
    with initialize_config_dir(str(FOLDER), version_base="1.3"):
        composed = compose(
            "train", overrides=["seed=5", "trainer=cpu", f"data={choice}", *overrides]
        )
    return instantiate(composed.data)


def test_samples():
    module = data("samples", "data.size=64")
    assert (module.source, module.validation) == (SamplePhotos(), SamplePhotos(held_out=True))
    assert (module.crop.size, module.crop.seed, module.batch_size) == (64, 5, 1)


def test_folder():
    module = data("folder", "data.path=PHOTOS", "data.validation=VAL", "data.size=200")
    assert module.source == FolderPhotos("PHOTOS", without="VAL")
    assert module.validation == FolderPhotos("VAL")
    assert (module.crop.longest, module.cache_side) == (250, 320)
    with pytest.raises(InstantiationException) as error:
        data("folder")
    assert isinstance(find_user_error(error.value), UserError)


def test_coco(tmp_path):
    (tmp_path / "train2017").mkdir()
    assert data("coco").source == HubPhotos("detection-datasets/coco")
    assert data("coco", "data.limit=9").source == HubPhotos("detection-datasets/coco", limit=9)
    assert isinstance(data("coco", "data.streaming=true").source, HubStream)
    on_disk = data("coco", f"data.path={tmp_path}").source
    assert isinstance(on_disk, FolderPhotos)
    assert (on_disk.path, on_disk.limit) == (str(tmp_path / "train2017"), None)


def test_wikiart():
    pinned = ("data.hub=MIRROR", f"data.revision={COMMIT}")
    module = data("wikiart", "data.style=Impressionism", *pinned)
    where = {"style": ["Impressionism"]}
    assert module.source == HubPhotos("MIRROR", where=where, revision=COMMIT)
    two = data("wikiart", "data.artist=[claude-monet,vincent-van-gogh]").source
    assert two.where == {"artist": ["claude-monet", "vincent-van-gogh"]}
    assert module.source.key() != data("wikiart", *pinned).source.key()


@pytest.mark.parametrize("choice", ["coco", "wikiart"])
def test_a_limit_of_none_is_named(choice):
    with pytest.raises(InstantiationException, match=r"data\.limit=0"):
        data(choice, "data.limit=0")


@pytest.mark.parametrize("choice", ["samples", "folder", "coco", "wikiart"])
def test_a_misspelled_key_fails(choice):
    with pytest.raises(Exception, match="sise"):
        data(choice, "data.sise=64")
    with pytest.raises(Exception, match="sise"):
        data(choice, "data.path=X" if choice == "folder" else "data.size=32", "+data.sise=64")
