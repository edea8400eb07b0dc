"""Opening a model to stylise with: exported or trained, of one style, of several, or of any."""

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


@dataclass(frozen=True)
class Mix:
    """The style of a model that takes any, or has learnt several.

    styles: picture files, or names of what it has learnt, each with its share. alpha: from 0, the
    photo, to 1, all of the style.
    """

    styles: Sequence[tuple[Path, float]] = ()
    alpha: float = 1.0

    @property
    def shares(self) -> list[float]:
        """Of each picture; of any sum."""
        return [share for _, share in self.styles]

    def pictures(self) -> list[Bytes]:
        """Each uint8 (H, W, 3).

        Raises:
            UserError: one cannot be read, or is smaller than 64x64.
        """
        return [read_picture(path, min_side=MIN_LEARNABLE_SIDE).rgb for path, _ in self.styles]

    def of_several(self) -> Sequence[tuple[Path, float]]:
        """The styles, for a model that has learnt several.

        Raises:
            UserError: an alpha.
        """
        if self.alpha != 1:
            raise UserError("--alpha is for models that take any style; use --strength")
        return self.styles

    def check(self, model: Path, takes_style: bool, tile: int | None) -> None:
        """Hold what was asked for against a model of one style, or of any.

        Raises:
            UserError: a style for a model of one, none for a model of any, or tiles for that.
        """
        if takes_style and not self.styles:
            raise UserError(f"{model} takes any style; give one with --style PICTURE")
        if takes_style and tile is not None:
            raise UserError(f"{model} takes any style, and whole pictures; leave out --tile")
        if not takes_style and (self.styles or self.alpha != 1):
            raise UserError(f"{model} has learnt one style; leave out --style and --alpha")


@dataclass(frozen=True)
class Wanted:
    """How a model is to be opened.

    device: ``auto``, ``cpu`` or ``cuda``. tile: side in pixels, or None for whole pictures. fast:
    as of a `TiledSession`. direction: ``forth`` (A2B) or ``back`` (B2A), of a model that learnt
    both. mix: of one that takes any style, or has learnt several.
    """

    device: str = "auto"
    tile: int | None = None
    fast: bool = False
    direction: str = "forth"
    mix: Mix = Mix()


@dataclass(frozen=True)
class Opened:
    """A model at work on photos, and on clips, and where it runs."""

    net: Net
    clip: ClipNet
    device: str


def open_to_stylize(path: Path, wanted: Wanted, report: Report) -> Opened:
    """An exported model, or the net of a run or model file.

    Args:
        report: told of tiles done.

    Raises:
        UserError: the model cannot be opened, or is not for what is asked.
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
    import torch  # exported models do without it, and start sooner

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
        raise UserError("--fast is about tiles; add --tile 768, or leave it out")
    has_gpu = torch.cuda.is_available()
    if device == "cuda" and not has_gpu:
        raise UserError("--device cuda: no GPU found; use --device cpu")
    if device == "auto":
        device = "cuda" if has_gpu else "cpu"
    if told.takes_style:
        net = styled(net, mix.pictures(), mix.shares, mix.alpha)
    net = net.to(device).to(memory_format=torch.channels_last)
    _survive_forks()
    return Opened(partial(apply_net, net), clip_net(net), device)


@cache
def _survive_forks() -> None:
    """Have forked children run nets on one thread: for others of the parent, which are not there,
    OpenMP would wait for ever."""
    import torch

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=partial(torch.set_num_threads, 1))
