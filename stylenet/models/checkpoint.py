"""A trained model on disk: weights and the resolved config that rebuilds the net."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from stylenet.models import sealed
from stylenet.models.recipes import NETS, build
from stylenet.models.widths import resized
from stylenet.nets.johnson import TransformerNet
from stylenet.nets.multistyle import MultiStyleNet
from stylenet.nets.slim import SlimNet
from stylenet.nets.twoway import TwoWay
from stylenet.nets.video import frame_recipe, grown
from stylenet.pictures.images import write_atomically
from stylenet.runs.folder import MODEL_FILE
from stylenet.styles.known import style_recipe
from stylenet.system import integrity
from stylenet.system.errors import UserError, reason
from stylenet.system.special_files import refuse_special
from stylenet.system.untrusted import check_plain, label, mapping

EMBEDDED = Path(__file__).parent / "warm_start.pt"
"""A net that stylises already: what one style learns of photos and strokes serves the next."""

EMBEDDED_SLIM = EMBEDDED.with_name("warm_start_slim.pt")
"""A `SlimNet` that does."""


@dataclass(frozen=True)
class TrainedModel:
    """A net in evaluation mode, the plain config it was trained with, and the folder it lay in.

    The config is what a file says: no path, address or class is to be taken from it.
    """

    net: nn.Module
    config: dict[str, Any]
    folder: Path | None = None


def save_model(path: Path, net: nn.Module, config: dict[str, Any]) -> None:
    """Write the net's weights and `config` to `path`, atomically.

    Args:
        config: plain containers; ``config["net"]`` has the ``_target_`` that rebuilds the net.

    Raises:
        UserError: the file cannot be written.
    """
    weights = {name: value.detach().cpu().contiguous() for name, value in net.state_dict().items()}
    data = sealed.dump({"config": config, "weights": weights})
    write_atomically(path, lambda file: file.write(data))


def load_model(path: Path) -> TrainedModel:
    """Rebuild a net from a run folder or a model file.

    Only plain containers and tensors are unpickled, and only nets of stylenet are built.

    Raises:
        UserError: no such file, no stylenet model, one that is damaged, or weights that do not fit
            the config or are no numbers.
    """
    file = path / MODEL_FILE if path.is_dir() else path
    content = _read(file)
    config: Any = content.get("config") if isinstance(content, dict) else None
    recipe = mapping(config, "net")
    target = recipe.get("_target_")
    if not isinstance(target, str) or target not in NETS:
        raise UserError(f"{file} is no stylenet model; give a run folder or its {MODEL_FILE}")
    weights = content.get("weights")
    try:
        check_plain(config)
        _check_sound(weights, file.stat().st_size)
        with torch.device("meta"):  # a net of any size, without its memory
            _check_fit(weights, build(recipe).state_dict())
        net: nn.Module = build(recipe)
    except UserError as error:
        raise UserError(f"{file}: {label(error)}") from None
    net.load_state_dict(weights)
    return TrainedModel(net.eval(), config, file.parent)


def _check_sound(weights: Any, size: int) -> None:
    """Refuse what is no set of finite tensors, or more numbers than a file of `size` bytes holds.

    Raises:
        UserError: it is.
    """
    values: list[Any] = list(weights.values()) if isinstance(weights, dict) else [None]
    if not all(isinstance(each, torch.Tensor) and each.layout == torch.strided for each in values):
        raise UserError("it has no weights; train it again")
    if sum(each.numel() * each.element_size() for each in values) > size:
        raise UserError("it says to hold more weights than it does; train it again")
    if not all(each.isfinite().all() for each in values):
        raise UserError("its weights are no numbers, as its training diverged; train it again")


def _check_fit(weights: dict[str, torch.Tensor], net: dict[str, torch.Tensor]) -> None:
    """Hold weights against those of the net that they are for.

    Raises:
        UserError: another name, shape or kind of number.
    """
    for name in dict.fromkeys([*net, *weights]):
        found, wanted = (
            (tuple(each[name].shape), each[name].is_floating_point()) if name in each else None
            for each in (weights, net)
        )
        if found != wanted:
            raise UserError(f"weights do not fit its net ({label(name)}); train it again")


def one_way(model: TrainedModel, direction: str) -> TrainedModel:
    """Of a model that goes ``forth`` and ``back``, the one; a model of one way goes forth.

    Raises:
        UserError: back is asked of a model of one way.
    """
    if isinstance(model.net, TwoWay):
        net = model.net.get_submodule(direction)
        config = model.config | {"net": model.config["net"][direction]}
        return replace(model, net=net, config=config)
    if direction != "forth":
        raise UserError(f"--direction {direction}: the model goes one way only; leave it out")
    return model


def in_mixture(model: TrainedModel, weights: NDArray[np.float32]) -> TrainedModel:
    """Of a model of several styles, the plain one of a mixture; of one alone, with its picture.

    Args:
        weights: of its styles, (1, styles).
    """
    net = model.net
    assert isinstance(net, MultiStyleNet)
    mixed = [number for number, share in enumerate(weights[0].tolist()) if share]
    facts: dict[str, Any] = {"net": model.config["net"]["net"]}
    facts["style"] = {"name": "_".join(net.styles[number] for number in mixed)}
    if len(mixed) == 1:
        facts["style"] = style_recipe(net.styles[mixed[0]])
        facts["style_picture"] = mapping(dict(enumerate(notes(model.config))).get(mixed[0]))
    plain = net.mixture(torch.from_numpy(weights)).eval()
    return replace(model, net=plain, config=model.config | facts)


def notes(config: dict[str, Any]) -> list[Any]:
    """What a config says of each picture that was learnt, as `StylePicture.note`."""
    note = mapping(config, "style_picture")
    pictures = note.get("pictures", [note])
    return pictures if isinstance(pictures, list) else []


def start_from(net: nn.Module, recipe: dict[str, Any], init: str | None) -> str:
    """Give `net` trained weights to start from.

    Args:
        recipe: the config that built `net`.
        init: ``embedded``, which leaves another net as it is; a run folder or a model file of the
            same recipe, but for its width or attention that is new, or for a net for clips of the
            per-frame net alike, or for a net of several styles of one style's; or None, to start
            from random weights.

    Returns:
        What training starts from, for the record.

    Raises:
        UserError: `init` is no model, or a model of another net.
    """
    if init is None:
        return "random weights"
    inner = net.net if isinstance(net, MultiStyleNet) else net
    embedded = EMBEDDED_SLIM if isinstance(inner, SlimNet) else EMBEDDED
    model = load_model(embedded if init == "embedded" else Path(init))
    if not isinstance(net, MultiStyleNet) or isinstance(model.net, MultiStyleNet):
        return _take_weights(net, recipe, model, init)
    plain = net.mixture(net.even())
    started = _take_weights(plain, recipe["net"], model, init)
    net.begin_as(plain)
    return started


def _take_weights(net: nn.Module, recipe: dict[str, Any], model: TrainedModel, init: str) -> str:
    """Give `net`, which `recipe` built, the weights of `model`, as far as these are for it."""
    trained, weights = model.config["net"], model.net.state_dict()
    if not _goes_on(trained, recipe):
        if isinstance(net, TransformerNet) and _is_like(trained, recipe):
            weights = grown(resized(weights, net), net)
        elif init == "embedded":
            return "random weights, as the embedded ones are for another net"
        else:
            raise UserError(f"init={init} is another net ({label(trained)}); use init=null")
    net.load_state_dict(weights, strict=False)  # new attention stays as it is
    credit = mapping(model.config, "style_picture").get("credit", "an unknown picture")
    return f"{init}, a net trained on {label(credit)}"


def _goes_on(trained: dict[str, Any], recipe: dict[str, Any]) -> bool:
    """Whether a net of `recipe` can start from one of `trained`: the same, or with attention added.

    Recipes older than attention do not name it.
    """
    return recipe in (trained, trained | {"attention": False}, trained | {"attention": True})


def _is_like(trained: dict[str, Any], recipe: dict[str, Any]) -> bool:
    """Whether a net for frames or clips can start from a per-frame one, of whatever width."""
    alike = trained | {"width": recipe.get("width")}
    return not trained.get("attention") and _goes_on(alike, frame_recipe(recipe))


def _read(file: Path) -> Any:
    refuse_special(file)
    refused = UserError(f"{file} is no stylenet model, or is damaged; train it again")
    try:
        with file.open("rb") as opened:
            if opened.read(2) != b"PK":  # of zip files; others may be of any size
                raise refused
            return sealed.parse(b"PK" + opened.read())
    except FileNotFoundError:
        raise UserError(f"{file} does not exist; give a run folder or a model file") from None
    except OSError as error:
        raise UserError(f"cannot open {file} ({reason(error)}); check the path") from None
    except integrity.DamagedError:
        raise refused from None
