"""Microsoft COCO 2017, from a local folder or from the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path

from stylenet.data.credit import COCO
from stylenet.data.folder import FolderPhotos
from stylenet.data.hub import HubPhotos
from stylenet.data.source import PhotoSource
from stylenet.system.errors import UserError

HUB = "detection-datasets/coco"


def coco_photos(
    path: str | None, hub: str = HUB, limit: int | None = None, revision: str | None = None
) -> PhotoSource:
    """COCO's training photographs (118 287, or 117 266 on the hub), or the first `limit`.

    Args:
        path: the folder where COCO's archives were unpacked. It holds train2017/ or
            images/train2017/. None reads `hub`.
        hub: the dataset's name on the hub, or a local folder of its parquet files.
        limit: take only the first `limit` photographs.
        revision: see `HubPhotos`.

    Raises:
        UserError: `path` holds no train2017 folder.
    """
    if path is None:
        return HubPhotos(hub, limit=limit, revision=revision)
    root = Path(path).expanduser()
    for folder in (root / "train2017", root / "images" / "train2017"):
        if folder.is_dir():
            known_as = "train2017 of MS-COCO, from a folder"
            return FolderPhotos(str(folder), limit=limit, licence=COCO, known_as=known_as)
    raise UserError(f"{path} holds neither train2017/ nor images/train2017/; unpack COCO there")
