"""Photographs that come with installed packages. Training on them needs no download."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from stylenet.data.credit import HELD_OUT, SAMPLES, Credit
from stylenet.data.source import Listing, file_photo
from stylenet.pictures.images import Bytes
from stylenet.system.errors import UserError

_TRAINING = [
    ("scikit-image", "skimage", f"data/{name}")
    for name in (
        "astronaut.png",
        "brick.png",
        "camera.png",
        "chelsea.png",
        "coffee.png",
        "coins.png",
        "grass.png",
        "gravel.png",
        "hubble_deep_field.jpg",
        "ihc.png",
        "moon.png",
        "motorcycle_left.png",
        "motorcycle_right.png",
        "page.png",
        "retina.jpg",
        "rocket.jpg",
    )
]
_HELD_OUT = [
    ("scikit-learn", "sklearn", "datasets/images/china.jpg"),
    ("scikit-learn", "sklearn", "datasets/images/flower.jpg"),
    ("matplotlib", "matplotlib", "mpl-data/sample_data/grace_hopper.jpg"),
]


@dataclass(frozen=True)
class SamplePhotos:
    """The sixteen photographs of scikit-image's wheel, or three held-out photographs.

    The held-out photographs come from scikit-learn and matplotlib. They are never trained on. If
    the installed version of a package lacks a file, the file is left out.

    Attributes:
        held_out: whether to give the held-out photographs.
    """

    held_out: bool = False

    @property
    def title(self) -> str:
        return "the held-out sample photographs" if self.held_out else "the sample photographs"

    @property
    def credit(self) -> Credit:
        if self.held_out:
            return Credit("sample photographs of scikit-learn and matplotlib", HELD_OUT)
        return Credit("the sample photographs of scikit-image", SAMPLES)

    def key(self) -> str:
        packages = sorted({distribution for distribution, _, _ in self._wanted()})
        versions = [f"{package} {version(package)}" for package in packages]
        return "\n".join(["samples", *versions, *(str(path.name) for path in self.files())])

    def listing(self) -> Listing:
        files = self.files()
        return Listing(len(files), [file_photo(path, path.stem) for path in files])

    def _wanted(self) -> list[tuple[str, str, str]]:
        return _HELD_OUT if self.held_out else _TRAINING

    def files(self) -> list[Path]:
        """The picture files.

        Raises:
            UserError: no file is installed.
        """
        paths = [_package_folder(*names) / file for *names, file in self._wanted()]
        present = [path for path in paths if path.is_file()]
        if not present:
            packages = " ".join(sorted({distribution for distribution, _, _ in self._wanted()}))
            raise UserError(
                f"{self.title} are missing; run pip install --force-reinstall {packages}"
            )
        return present


def sample_photos() -> list[Bytes]:
    """The held-out sample photographs, uint8 (H, W, 3)."""
    return [photo.decode().rgb for photo in SamplePhotos(held_out=True).listing().photos]


def _package_folder(distribution: str, module: str) -> Path:
    """The folder where `module` is installed. It is found without an import."""
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise UserError(f"{distribution} is not installed; run pip install {distribution}")
    return Path(spec.origin).parent
