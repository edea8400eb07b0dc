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
from stylenet.models.credits import notes
from stylenet.models.recipes import NETS, build
from stylenet.models.widths import resized
from stylenet.nets.johnson import TransformerNet
from stylenet.nets.multistyle import MultiStyleNet
from stylenet.nets.slim import SlimNet
from stylenet.nets.traits import traits
from stylenet.nets.video import frame_recipe, grown
from stylenet.pictures.images import write_atomically
from stylenet.pictures.outputs import model_file
from stylenet.runs.folder import CHECKPOINT, MODEL_FILE
from stylenet.runs.found import found_model
from stylenet.runs.saved_config import CONFIG, read_config
from stylenet.styles.known import style_recipe
from stylenet.system import integrity
from stylenet.system.errors import UserError, reason
from stylenet.system.special_files import refuse_special
from stylenet.system.untrusted import check_plain, label, mapping

EMBEDDED = Path(__file__).parent / "warm_start.pt"
"""A trained net to start from. What a net learns of photos and strokes serves the next style."""

EMBEDDED_SLIM = EMBEDDED.with_name("warm_start_slim.pt")
"""A trained `SlimNet` to start from."""


@dataclass(frozen=True)
class TrainedModel:
    """A net in evaluation mode, the plain config of its training, and the folder of its file.

    Anybody may have written the file: take no path, address or class from the config.
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
    data = model_bytes(net, config)
    write_atomically(path, lambda file: file.write(data))


def model_bytes(net: nn.Module, config: dict[str, Any]) -> bytes:
    """What `save_model` writes."""
    weights = {name: value.detach().cpu().contiguous() for name, value in net.state_dict().items()}
    return sealed.dump({"config": config, "weights": weights})


def load_model(path: Path) -> TrainedModel:
    """Rebuild a net from a run folder, a model file or the checkpoint of a run.

    Only plain containers and tensors are unpickled, and only nets of stylenet are built.

    Raises:
        UserError: the file is missing, damaged or no stylenet model, or its weights do not fit
            the config or are not finite.
    """
    file = model_file(path)
    content = _read(file) if file.name != CHECKPOINT else _so_far(file)
    config: Any = content.get("config") if isinstance(content, dict) else None
    recipe = mapping(config, "net")
    target = recipe.get("_target_")
    if not isinstance(target, str) or target not in NETS:
        raise UserError(f"{file} is no stylenet model; give a run folder or its {MODEL_FILE}")
    weights = content.get("weights")
    try:
        check_plain(config)
        _check_sound(weights, file.stat().st_size)
        with torch.device("meta"):  # builds a net of any size without taking memory
            _check_fit(weights, build(recipe).state_dict())
        net: nn.Module = build(recipe)
    except UserError as error:
        raise UserError(f"{file}: {label(error)}") from None
    net.load_state_dict(weights)
    return TrainedModel(net.eval(), config, file.parent)


def _so_far(checkpoint: Path) -> Any:
    """The content of a model file, as far as a training has come. The config lies beside it.

    Raises:
        UserError: the config is missing, or the file is no checkpoint.
    """
    content, config = _read(checkpoint), read_config(checkpoint.parent)
    if config is None:
        raise UserError(f"{checkpoint} needs the {CONFIG} of its run beside it")
    state = mapping(content, "state_dict")
    weights = {name[4:]: value for name, value in state.items() if str(name).startswith("net.")}
    return {"config": config | {"net": mapping(config, "task", "net")}, "weights": weights}


def _check_sound(weights: Any, size: int) -> None:
    """Check that weights are finite tensors, and no larger than a file of `size` bytes can hold.

    Raises:
        UserError: they are not.
    """
    values: list[Any] = list(weights.values()) if isinstance(weights, dict) else [None]
    if not all(isinstance(each, torch.Tensor) and each.layout == torch.strided for each in values):
        raise UserError("it has no weights; train it again")
    if sum(each.numel() * each.element_size() for each in values) > size:
        raise UserError("it claims to hold more weights than it does; train it again")
    if not all(each.isfinite().all() for each in values):
        raise UserError("its weights are not finite, as its training diverged; train it again")


def _check_fit(weights: dict[str, torch.Tensor], net: dict[str, torch.Tensor]) -> None:
    """Check weights against the weights of the net that they are for.

    Raises:
        UserError: a name, a shape or a kind of number differs.
    """
    for name in dict.fromkeys([*net, *weights]):
        found, wanted = (
            (tuple(each[name].shape), each[name].is_floating_point()) if name in each else None
            for each in (weights, net)
        )
        if found != wanted:
            raise UserError(f"weights do not fit its net ({label(name)}); train it again")


def one_way(model: TrainedModel, direction: str) -> TrainedModel:
    """One direction of a model: ``forth`` (A2B) or ``back`` (B2A). Most have ``forth`` alone.

    Raises:
        UserError: the model lacks the direction.
    """
    directions = traits(model.net).directions
    if direction not in directions:
        raise UserError(f"--direction {direction}: the model goes one way only; leave it out")
    if len(directions) == 1:
        return model
    net = model.net.get_submodule(direction)
    return replace(model, net=net, config=model.config | {"net": model.config["net"][direction]})


def in_mixture(model: TrainedModel, weights: NDArray[np.float32]) -> TrainedModel:
    """The plain model of a mixture, out of a model of several styles.

    If the mixture has a single style, the config of the plain model names its picture.

    Args:
        weights: the weight of each style, (1, styles).
    """
    net = model.net
    assert isinstance(net, MultiStyleNet)
    mixed = [number for number, share in enumerate(weights[0].tolist()) if share]
    facts: dict[str, Any] = {"net": model.config["net"]["net"]}
    facts["style"] = {"name": "_".join(net.styles[number] for number in mixed)}
    if len(mixed) == 1:
        facts["style"] = style_recipe(net.styles[mixed[0]])
        facts["style_picture"] = mapping(dict(enumerate(notes(model.config))).get(mixed[0]))
        weight = mapping(model.config, "measured", "style_weights").get(net.styles[mixed[0]])
        facts["measured"] = {} if weight is None else {"style_weight": weight}
    plain = net.mixture(torch.from_numpy(weights)).eval()
    return replace(model, net=plain, config=model.config | facts)


def start_from(net: nn.Module, recipe: dict[str, Any], init: str | None) -> str:
    """Give `net` trained weights to start from.

    Args:
        recipe: the config that built `net`.
        init: what to start from. None: random weights. ``embedded``: the trained net of this
            package, if it is of the same kind; otherwise `net` stays as it is. Else a run folder
            or a model file of the same recipe. Its width may differ, and attention may be new. A
            net for clips may start from the per-frame net of its recipe, and a net of several
            styles from a net of one style.

    Returns:
        What training starts from, in words.

    Raises:
        UserError: `init` is no model, or a model of another net.
    """
    if init is None:
        return "random weights"
    several = bool(traits(net).styles)
    inner = net.get_submodule("net") if several else net
    embedded = EMBEDDED_SLIM if isinstance(inner, SlimNet) else EMBEDDED
    model = load_model(embedded if init == "embedded" else found_model(Path(init)))
    if not several or traits(model.net).styles:
        return _take_weights(net, recipe, model, init)
    assert isinstance(net, MultiStyleNet)
    plain = net.mixture(net.even())
    started = _take_weights(plain, recipe["net"], model, init)
    net.begin_as(plain)
    return started


def _take_weights(net: nn.Module, recipe: dict[str, Any], model: TrainedModel, init: str) -> str:
    """Give `net`, which `recipe` built, the weights of `model` that fit it."""
    trained, weights = model.config["net"], model.net.state_dict()
    if not _goes_on(trained, recipe):
        if isinstance(net, TransformerNet) and _is_like(trained, recipe):
            weights = grown(resized(weights, net), net)
        elif init == "embedded":
            return "random weights, as the embedded ones are for another net"
        else:
            raise UserError(f"init={init} is another net ({label(trained)}); use init=null")
    net.load_state_dict(weights, strict=False)  # new attention stays as it is
    note = mapping(model.config, "style_picture")
    credit = note.get("credit", "an unknown picture")
    if note.get("origin") == "file":
        credit = Path(str(credit)).name  # where its user kept it is nobody's concern
    return f"{init}, a net trained on {label(credit)}"


def _goes_on(trained: dict[str, Any], recipe: dict[str, Any]) -> bool:
    """Whether `recipe` is the recipe `trained`, or the same with attention added.

    Recipes from before there was attention lack the key.
    """
    return recipe in (trained, trained | {"attention": False}, trained | {"attention": True})


def _is_like(trained: dict[str, Any], recipe: dict[str, Any]) -> bool:
    """Whether a net for frames or clips can start from a per-frame net, whatever its width."""
    alike = trained | {"width": recipe.get("width")}
    return not trained.get("attention") and _goes_on(alike, frame_recipe(recipe))


def _read(file: Path) -> Any:
    refuse_special(file)
    refused = UserError(f"{file} is no stylenet model, or is damaged; train it again")
    try:
        with file.open("rb") as opened:
            if opened.read(2) != b"PK":  # not a zip file; it may be of any size
                raise refused
            return sealed.parse(b"PK" + opened.read())
    except FileNotFoundError:
        raise UserError(f"{file} does not exist; give a run folder or a model file") from None
    except OSError as error:
        raise UserError(f"cannot open {file} ({reason(error)}); check the path") from None
    except integrity.DamagedError:
        raise refused from None
