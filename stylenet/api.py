"""Training and stylising from Python: ``stylenet.train(…)``, ``stylenet.load(…)``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from stylenet.config.quoting import assignment
from stylenet.opening import Mix, Wanted, open_to_stylize
from stylenet.pictures.images import Picture
from stylenet.runs.folder import MODEL_FILE
from stylenet.runs.found import found_model
from stylenet.runtime.postprocess import Postprocess
from stylenet.runtime.preprocess import Photo
from stylenet.runtime.starter import STYLES, starter
from stylenet.runtime.stylizer import Stylizer
from stylenet.runtime.tiles import silent
from stylenet.styles.known import known_styles


@dataclass(frozen=True)
class Run:
    """A training's run: its folder, and what to do with it.

    Attributes:
        folder: holds ``model.pt``, if training has reached its end, and ``preview.png``.
    """

    folder: Path

    @property
    def finished(self) -> bool:
        """Whether training has reached its end. Ctrl-C ends it earlier."""
        return (self.folder / MODEL_FILE).is_file()

    def preview(self) -> Image.Image:
        """Photos that the net never trained on, before and after."""
        return Image.open(self.folder / "preview.png")

    def stylize(self, photo: Photo) -> Picture:
        """Stylise a photo.

        Raises:
            UserError: the photo cannot be read, or the run has no net yet.
        """
        return load(self.folder)(photo)

    def export(self, out: str | Path, precision: str = "fp32") -> Path:
        """Write the net as an ONNX file, once it is proven equal to this one. Returns its path.

        Args:
            precision: ``fp32``, ``fp16`` or ``int8``.

        Raises:
            UserError: the file cannot be written, or differs too much.
        """
        from stylenet.export.cards import teller
        from stylenet.export.deploy import write_onnx  # torch's exporter loads for seconds
        from stylenet.export.precision import Export, proven
        from stylenet.models.checkpoint import load_model

        wanted = Export(precision=precision)
        wanted.check()
        model = load_model(self.folder)
        write_onnx(Path(out), wanted, lambda: proven(model, wanted), teller(model))
        return Path(out)


def train(
    style: str | Path | None = None,
    photos: str | Path | None = None,
    overrides: Sequence[str] = (),
    **settings: str | Path | float | None,
) -> Run:
    """Train a net in the style of a picture.

    Args:
        style: the name of a shipped style, or a picture file; None leaves it to the overrides,
            and is starry_night without.
        photos: a folder of photos; None takes the embedded ones.
        overrides: as on the command line: ``["experiment=hour", "net=slim"]``.
        settings: further overrides, with two underscores for a dot: ``trainer__max_steps=500``.

    Raises:
        UserError: a mistake in the settings or a file, with the mend.
    """
    from stylenet.config.compose import composed  # torch loads for seconds
    from stylenet.launch import run_alone

    chosen = []
    if style is not None and str(style) in known_styles():
        chosen = [f"style={style}"]
    elif style is not None:
        chosen = ["style=custom", assignment("style.image", str(style))]
    if photos is not None:
        chosen += ["data=folder", assignment("data.path", str(photos))]
    given = [_override(name, value) for name, value in settings.items()]
    said = [*chosen, *overrides, *given]
    return Run(run_alone(composed(said), said))


def _override(name: str, value: str | Path | float | None) -> str:
    key = name.replace("__", ".")
    if isinstance(value, str | Path):
        return assignment(key, str(value))
    return f"{key}={'null' if value is None else str(value).lower()}"


def load(
    model: str | Path | None = None,
    styles: Sequence[tuple[str | Path, float]] = (),
    size: int | None = None,
    postprocess: Postprocess = Postprocess(),  # noqa: B008  # frozen
    stroke_scale: float = 1.0,
    device: str = "auto",
) -> Stylizer:
    """Open a model to stylise photos with.

    Args:
        model: a run, the name of its folder, its ``model.pt``, or an exported ``.onnx``. If there
            is no such run, a style of the starter model. None is the starter model.
        styles: for a model of several or of any styles: names or pictures, each with its share.
        size, postprocess, stroke_scale: as in `Stylizer`.
        device: ``auto``, ``cpu``, ``cuda``, or ``tensorrt`` for an exported model.

    Raises:
        UserError: the model cannot be opened, or does not suit the request.
    """
    path = None if model is None else found_model(Path(model))
    if path is not None and not path.exists() and str(model) in STYLES and not styles:
        path, styles = None, [(str(model), 1.0)]
    path = path or starter([str(name) for name, _ in styles])
    mix = Mix([(Path(name), share) for name, share in styles])
    opened = open_to_stylize(path, Wanted(device, mix=mix), silent)
    return Stylizer(opened.net, size, postprocess, stroke_scale)
