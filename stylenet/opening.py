"""Opening an exported or trained model to stylise with, of one, several or any styles."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from stylenet.pictures.images import Bytes, read_picture
from stylenet.pictures.sides import MIN_LEARNABLE_SIDE
from stylenet.runtime.clips import ClipNet, per_frame
from stylenet.runtime.mixture import MixtureSession, weights_of
from stylenet.runtime.model import Model, open_model
from stylenet.runtime.pair import Pair
from stylenet.runtime.stylizer import Net, at_work, clip_at_work
from stylenet.runtime.tiles import SIDE, Report
from stylenet.system.errors import UserError
from stylenet.system.program import program


@dataclass(frozen=True)
class Mix:
    """The style for a model that takes any style, or has learnt several.

    styles: picture files, or names of learnt styles, each with its share. alpha: from 0, the photo,
    to 1, all of the style.
    """

    styles: Sequence[tuple[Path, float]] = ()
    alpha: float = 1.0

    @property
    def shares(self) -> list[float]:
        """The share of each style. Shares need not sum to 1."""
        return [share for _, share in self.styles]

    def pictures(self) -> list[Bytes]:
        """The style pictures, uint8 (H, W, 3) each.

        Raises:
            UserError: a picture cannot be read, or is smaller than 64x64.
        """
        return [read_picture(path, min_side=MIN_LEARNABLE_SIDE).rgb for path, _ in self.styles]

    def of_several(self) -> Sequence[tuple[Path, float]]:
        """The styles, for a model that has learnt several.

        Raises:
            UserError: `alpha` is given, which such models do not take.
        """
        if self.alpha != 1:
            raise UserError("--alpha is for models that take any style; use --strength")
        return self.styles

    def check(self, model: Path, takes_style: bool, tile: int | None) -> None:
        """Check the request against a model of one style, or of any style.

        Raises:
            UserError: the model has one style, and is given a style or `alpha`; or it takes any
                style, and is given none, or tiles.
        """
        if takes_style and not self.styles:
            raise UserError(f"{model} takes any style; give one with --style PICTURE")
        if takes_style and tile is not None:
            raise UserError(f"{model} takes any style, and whole pictures; leave out --tile")
        if not takes_style and (self.styles or self.alpha != 1):
            raise UserError(f"{model} has learnt one style; leave out --style and --alpha")


@dataclass(frozen=True)
class Wanted:
    """How to open a model.

    device: as `open_model` takes it. tile: side of tiles in pixels, or None for whole
    pictures. fast: as in `TiledSession`. direction: ``forth`` (A2B) or ``back`` (B2A), for a model
    that learnt both. mix: for a model that takes any style, or has learnt several.
    """

    device: str = "auto"
    tile: int | None = None
    fast: bool = False
    direction: str = "forth"
    mix: Mix = Mix()


@dataclass(frozen=True)
class Opened:
    """An open model: its nets for photos and for clips, and the device of both."""

    net: Net
    clip: ClipNet
    device: str


def open_to_stylize(path: Path, wanted: Wanted, report: Report) -> Opened:
    """Open an exported model, or the net of a run or model file.

    Args:
        report: called with the number of tiles done, and of all.

    Raises:
        UserError: the model cannot be opened, or does not suit the request.
    """
    return _exported(path, wanted, report) if path.suffix == ".onnx" else _run(path, wanted, report)


def _exported(path: Path, wanted: Wanted, report: Report) -> Opened:
    if wanted.direction != "forth":
        raise UserError(f"{path} goes one way only; export the other with --direction")
    model = open_model(path, wanted.device)
    if model.styles:
        mixture = MixtureSession(model, wanted.mix.of_several())
        if wanted.tile is not None or wanted.fast:
            raise UserError(f"{path} works on whole pictures; export one style with --io tiles")
        return Opened(mixture, per_frame(mixture), model.device)
    wanted.mix.check(path, model.takes_style, wanted.tile)
    if wanted.fast and model.io != "tiles":
        raise UserError(f"{path} works on whole pictures; leave out --fast")
    if model.takes_style:
        mix = wanted.mix
        net = Pair(model).styled(mix.pictures(), mix.shares, mix.alpha)
        return Opened(net, per_frame(net), model.device)
    if wanted.tile is not None and model.io != "tiles":
        raise UserError(f"{path} works on whole pictures; export one with --io tiles")
    return _at_work(model, wanted, report)


def _at_work(model: Model, wanted: Wanted, report: Report) -> Opened:
    net = at_work(model, wanted.tile or SIDE, report, wanted.fast)
    clip = per_frame(net) if model.io == "tiles" else clip_at_work(model)
    return Opened(net, clip, model.device)


def _run(path: Path, wanted: Wanted, report: Report) -> Opened:
    import torch  # exported models need no torch, and start sooner without

    from stylenet.models.checkpoint import in_mixture, load_model, one_way
    from stylenet.nets.apply import apply_net, clip_net
    from stylenet.nets.arbitrary import styled
    from stylenet.nets.traits import traits
    from stylenet.system.threads import share_cpus

    share_cpus()
    trained = one_way(load_model(path), wanted.direction)
    told, mix, device = traits(trained.net), wanted.mix, wanted.device
    if told.styles:
        trained = in_mixture(trained, weights_of(told.styles, mix.of_several()))
        mix = Mix()
    net = trained.net
    mix.check(path, told.takes_style, wanted.tile)
    if wanted.tile is not None:
        from stylenet.export.onnx import to_onnx

        return _at_work(open_model(to_onnx(trained, "tiles"), device), wanted, report)
    if wanted.fast:
        raise UserError("--fast is for tiles; add --tile 768, or leave it out")
    if device == "tensorrt":
        raise UserError(
            f"--device tensorrt runs exported models; run {program()} export {path} first"
        )
    has_gpu = torch.cuda.is_available()
    if device == "cuda" and not has_gpu:
        raise UserError("--device cuda: no GPU found; use --device cpu")
    if device == "auto":
        device = "cuda" if has_gpu else "cpu"
    if told.takes_style:
        net = styled(net, mix.pictures(), mix.shares, mix.alpha)
    net = net.to(device).to(memory_format=torch.channels_last)
    _survive_forks()
    # The features of nets for any style could leave the range of float16.
    half = device == "cuda" and not told.takes_style
    return Opened(partial(apply_net, net, half=half), clip_net(net, half), device)


@cache
def _survive_forks() -> None:
    """Make forked children run nets on one thread.

    OpenMP would wait for ever for the other threads of the parent, which a child lacks.
    """
    import torch

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=partial(torch.set_num_threads, 1))
