"""Collections of style pictures: a folder, WikiArt, or the homages that stylenet paints."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from hydra.utils import instantiate
from omegaconf import OmegaConf

from stylenet.config.folder import FOLDER
from stylenet.data.credit import Credit
from stylenet.data.folder import FolderPhotos
from stylenet.data.source import Listing, Photo, PhotoSource
from stylenet.data.wikiart import wikiart_paintings
from stylenet.pictures.images import Bytes, Picture
from stylenet.styles.homage import Recipe, paint
from stylenet.styles.picture import OURS

EMBEDDED = "homages"
WIKIART = "wikiart"

_SIZE = (288, 360)  # height, width
_TURNS = 3  # rotations of the colour channels; the first is the identity


def style_pictures(styles: PhotoSource | str) -> PhotoSource:
    """The source of style pictures that a name stands for.

    Args:
        styles: a folder of pictures, ``wikiart`` for all of its paintings, ``homages`` for the
            pictures that stylenet paints itself, or a source.
    """
    if not isinstance(styles, str):
        return styles
    if styles == WIKIART:
        return wikiart_paintings()
    return Homages() if styles == EMBEDDED else FolderPhotos(styles)


@dataclass(frozen=True)
class Homages:
    """The homages to all styles with a recipe. Rotating the channels gives each three colourings.

    These fifteen pictures are enough to try a training without a network. A folder of paintings
    gives far better results.
    """

    @property
    def title(self) -> str:
        return "the painted homages"

    @property
    def credit(self) -> Credit:
        return Credit("homages to paintings, painted by stylenet", OURS)

    def key(self) -> str:
        return "\n".join(["homages", str(_SIZE), str(_TURNS), *map(str, self._recipes().values())])

    def listing(self) -> Listing:
        recipes = self._recipes()
        return Listing(_TURNS * len(recipes), self._photos(recipes))

    def _photos(self, recipes: dict[str, Recipe]) -> Iterator[Photo]:
        for name, recipe in recipes.items():
            painted = paint(recipe, _SIZE, seed=0)
            for turn in range(_TURNS):
                yield _photo(f"{name} {turn}", np.roll(painted, turn, axis=2))

    @staticmethod
    def _recipes() -> dict[str, Recipe]:
        styles = {path.stem: OmegaConf.load(path) for path in (FOLDER / "style").glob("*.yaml")}
        return {
            name: instantiate(style).homage
            for name, style in sorted(styles.items())
            if "homage" in style
        }


def _photo(name: str, rgb: Bytes) -> Photo:
    return Photo(name, lambda shorter_side=None: Picture(rgb))
