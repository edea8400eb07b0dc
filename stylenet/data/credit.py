"""Where training pictures come from, and on what terms: what their owners say, nothing guessed."""

from __future__ import annotations

from dataclasses import asdict, dataclass

COCO = (
    "each photograph's own, under the Flickr Terms of Use; the COCO Consortium does not own the "
    "copyright of the images (cocodataset.org/#termsofuse)"
)
WIKIART = (
    "each work's own; the files are from WikiArt.org, whose terms apply, and the dataset is for "
    "non-commercial research only (github.com/cs-chan/ArtGAN)"
)
SAMPLES = (
    "as scikit-image states them: CC0 or public domain (astronaut, brick, camera, chelsea, coffee, "
    "grass, gravel, hubble_deep_field, retina, rocket), no known copyright restrictions (coins, "
    "ihc), not stated (moon, motorcycle, page)"
)
HELD_OUT = (
    "China by danielbuechele and Flower by vultilion, CC BY 2.0; Grace Hopper by the U.S. Navy, "
    "public domain"
)

OF_DATASETS = {"detection-datasets/coco": COCO, "huggan/wikiart": WIKIART}
"""The terms of datasets on the hub, by name."""


@dataclass(frozen=True)
class Credit:
    """The origin of a set of pictures, as it stands in the run's config.

    Attributes:
        source: the set in words, without a user's path.
        licence: the terms, as the owner of the set states them. None if nobody stated them.
        dataset: the name on the Hugging Face hub, if the set is read from there.
    """

    source: str
    licence: str | None = None
    dataset: str | None = None

    def note(self) -> dict[str, str | None]:
        """The credit as plain containers."""
        return asdict(self)
