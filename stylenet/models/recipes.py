"""Building what a model file describes: only nets, losses and VGG of stylenet."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from stylenet.system.errors import UserError
from stylenet.system.untrusted import check_plain, label, parts

NETS = frozenset(
    {
        "stylenet.nets.adain.AdaIN",
        "stylenet.nets.johnson.TransformerNet",
        "stylenet.nets.multistyle.MultiStyleNet",
        "stylenet.nets.sanet.SANet",
        "stylenet.nets.slim.SlimNet",
        "stylenet.nets.twoway.TwoWay",
        "stylenet.nets.unet.UNet",
        "stylenet.nets.video.RecurrentNet",
        "stylenet.nets.video.WindowNet",
    }
)

LOSSES = frozenset(
    {
        "stylenet.losses.adversarial.CycleLoss",
        "stylenet.losses.arbitrary.ArbitraryLoss",
        "stylenet.losses.perceptual.PerceptualLoss",
    }
)

VGG = "stylenet.vgg.VGG"

_BUILT = NETS | LOSSES | {VGG}

_HOW = frozenset({"_target_", "_partial_", "_convert_"})
"""Keys of Hydra that a recipe may have. No config of stylenet has others, such as ``_args_``."""

_LARGEST = 1024
"""Largest number for a net, such as channels and blocks. A larger one would fill the memory."""

_MOST = 8
"""Most classes in a recipe, such as a net within a net."""


def build(recipe: Any, **given: Any) -> Any:
    """Build the object that a recipe describes. Anybody may have written the recipe's file.

    Args:
        recipe: plain containers. given: further arguments.

    Raises:
        UserError: it is no recipe, its values do not fit, or it would build a class that is not
            listed here, or look up, open or fetch anything.
    """
    if not isinstance(recipe, dict) or "_target_" not in recipe:
        raise UserError("the file describes nothing that can be built; train it again")
    check_plain(recipe)
    found = list(parts(recipe))
    for text in found:
        if isinstance(text, str) and "${" in text:
            looked_up = label(text)
            raise UserError(
                f"the file describes {looked_up}, which would be looked up; train it again"
            )
    inner = [part for part in found if isinstance(part, dict) and "_target_" in part]
    for part in inner:
        _check(part)
    if len(inner) > _MOST:
        raise UserError(f"the file describes {len(inner)} nets in one; train it again")
    return _built(recipe, given)


def _check(recipe: Mapping[str, Any]) -> None:
    target = recipe["_target_"]
    if not isinstance(target, str) or target not in _BUILT:
        wanted = label(target)
        raise UserError(
            f"the file would build {wanted}, no class of stylenet's nets; train it again"
        )
    for key, value in recipe.items():
        if not isinstance(key, str) or (key.startswith("_") and key not in _HOW):
            raise UserError(f"the file says {label(key)}, which no config has; train it again")
        is_number = isinstance(value, int | float)
        if target in NETS and is_number and not abs(value) <= _LARGEST:
            raise UserError(f"the file describes a net of {label(key)} {value:g}; train it again")
    if target == VGG or "weights" in recipe:
        _check_weights(recipe.get("weights", "caffe"), recipe.get("architecture", "vgg19"))


def _check_weights(weights: Any, architecture: Any) -> None:
    """Refuse weights of VGG that would open another file, or cause a download."""
    from stylenet.vgg import CONVOLUTIONS, at_hand

    if weights == "torchvision" and architecture in CONVOLUTIONS:
        if not at_hand(architecture):
            raise UserError(
                f"the file needs torchvision's {architecture}, which is not fetched for it; run "
                f"python -c 'import torchvision; torchvision.models.{architecture}("
                'weights="IMAGENET1K_V1")\' first'
            )
    elif weights != "caffe":
        raise UserError(
            f"the file names weights of VGG, {label(weights)}, which are not opened for it; train "
            "it with weights=caffe"
        )


def _built(recipe: Mapping[str, Any], given: Mapping[str, Any]) -> Any:
    module, name = recipe["_target_"].rsplit(".", 1)
    settings = {
        key: _built(value, {}) if isinstance(value, dict) and "_target_" in value else value
        for key, value in recipe.items()
        if key not in _HOW
    }
    made = getattr(import_module(module), name)
    try:
        return made(**{**settings, **given})
    except UserError:
        raise
    except Exception as error:  # values from a file may be anything
        detail = label(error)
        raise UserError(
            f"the settings of {name} do not fit it ({detail}); train it again"
        ) from None
