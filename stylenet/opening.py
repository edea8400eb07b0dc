"""Opening a model to stylise with: exported or trained, of one style or of any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from stylenet.errors import UserError
from stylenet.images import Bytes, read_picture
from stylenet.runtime.codes import MIN_SIDE, fitted, mixed
from stylenet.runtime.model import Model, open_model
from stylenet.runtime.pair import Pair
from stylenet.runtime.stylizer import Net, at_work
from stylenet.runtime.tiles import SIDE, Report

if TYPE_CHECKING:  # torch is for trained models; exported ones do without, and start sooner
    from stylenet.nets.arbitrary import ArbitraryNet, Styled


@dataclass(frozen=True)
class Mix:
    """The style of a model that takes any.

    styles: picture files, each with its share. alpha: from 0, the photo, to 1, all of the style.
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
        return [read_picture(path, min_side=MIN_SIDE).rgb for path, _ in self.styles]

    def check(self, model: Path, takes_style: bool, tile: int | None) -> None:
        """Hold what was asked for against what the model is.

        Raises:
            UserError: a style for a model of one, none for a model of any, or tiles for that.
        """
        if takes_style and not self.styles:
            raise UserError(f"{model} takes any style; give one with --style PICTURE")
        if takes_style and tile is not None:
            raise UserError(f"{model} takes any style, and whole pictures; leave out --tile")
        if not takes_style and self != Mix():
            raise UserError(f"{model} has learnt one style; leave out --style and --alpha")


def open_net(
    path: Path, device: str, tile: int | None, mix: Mix, report: Report
) -> tuple[Net, str]:
    """A model at work, and where it runs: an exported one, or the net of a run or model file.

    Args:
        device: ``auto``, ``cpu`` or ``cuda``. tile: side in pixels, or None for whole pictures.
        report: told of tiles done.

    Raises:
        UserError: the model cannot be opened, or is not for what is asked.
    """
    if path.suffix == ".onnx":
        return _exported(path, device, tile, mix, report)
    return _trained(path, device, tile, mix, report)


def _exported(
    path: Path, device: str, tile: int | None, mix: Mix, report: Report
) -> tuple[Net, str]:
    model = open_model(path, device)
    mix.check(path, model.takes_style, tile)
    if model.takes_style:
        return Pair(model).styled(mix.pictures(), mix.shares, mix.alpha), model.device
    if tile is not None and model.io != "tiles":
        raise UserError(f"{path} works on whole pictures; export one with --io tiles")
    return at_work(model, tile or SIDE, report), model.device


def _trained(
    path: Path, device: str, tile: int | None, mix: Mix, report: Report
) -> tuple[Net, str]:
    import torch

    from stylenet.checkpoint import load_model
    from stylenet.nets.arbitrary import ArbitraryNet
    from stylenet.tensors import apply_net

    trained = load_model(path)
    net = trained.net
    mix.check(path, isinstance(net, ArbitraryNet), tile)
    if tile is not None:
        from stylenet.export.onnx import to_onnx

        exported: Model = open_model(to_onnx(trained, "tiles"), device)
        return at_work(exported, tile, report), exported.device
    has_gpu = torch.cuda.is_available()
    if device == "cuda" and not has_gpu:
        raise UserError("--device cuda: no GPU found; use --device cpu")
    if device == "auto":
        device = "cuda" if has_gpu else "cpu"
    if isinstance(net, ArbitraryNet):
        net = styled(net, mix.pictures(), mix.shares, mix.alpha)
    net = net.to(device).to(memory_format=torch.channels_last)
    return partial(apply_net, net), device


def styled(
    net: ArbitraryNet, styles: Sequence[Bytes], shares: Sequence[float], alpha: float = 1.0
) -> Styled:
    """A net for any style with a mixture of style pictures, uint8 (H, W, 3) each, of any size."""
    import torch

    from stylenet.nets.arbitrary import Styled
    from stylenet.tensors import to_tensor

    with torch.inference_mode():
        codes = [net.code(to_tensor(fitted(style))).numpy() for style in styles]
    return Styled(net, torch.from_numpy(mixed(codes, shares)), alpha)
