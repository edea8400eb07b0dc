"""Sections of a model's card: the pictures and the network that it was made from, with licences."""

from __future__ import annotations

from typing import Any

from stylenet.cards.facts import Facts
from stylenet.models.credits import NOT_STATED, Credit, notes, of_picture, of_set
from stylenet.system.untrusted import bullets, code, mapping


def _credited(credit: Credit, *more: str) -> str:
    source = [f"source: {credit.source}"] if credit.source else []
    return "; ".join([credit.name, *source, *more, f"licence: {credit.licence}"])


def pictures(config: dict[str, Any]) -> str:
    """The picture, the pictures or the collection that the net learnt its style from."""
    note, sets = mapping(config, "style_picture"), mapping(config, "credits")
    if note.get("origin") == "collection" and "pictures" not in note:
        kind = next((kind for kind in ("paintings", "styles") if kind in sets), "")
        lines = [_credited(of_set(sets.get(kind)), _count(config, kind))]
        if "preview" in note:
            lines.append(f"On the preview alone: {_credited(of_picture(note['preview']))}")
        return bullets("The pictures that it learnt from", lines)
    lines = [
        _credited(of_picture(each), f"sha256 {code(mapping(each).get('sha256', 'unknown'))}")
        for each in notes(config)
    ]
    return bullets("The style picture" if len(lines) == 1 else "The style pictures", lines)


def photos(config: dict[str, Any], facts: Facts) -> str:
    """The photos that the net was trained on, and those of its previews."""
    sets = mapping(config, "credits")
    lines = [f"Trained on {_credited(of_set(sets.get('photos')), _count(config, 'photos'))}"]
    shown = "Shown on the preview" if facts.preview else "Unseen, for previews and figures"
    lines.append(f"{shown}: {_credited(of_set(sets.get('previews')))}")
    return bullets("The photos", lines)


def _count(config: dict[str, Any], kind: str) -> str:
    count = mapping(config, "pictures", kind).get("count")
    return f"pictures: {count}" if isinstance(count, int) else "pictures: not counted"


def start(config: dict[str, Any]) -> str:
    """The weights that training started from; empty for random ones."""
    started = str(config.get("started_from") or "random")
    if started.startswith("random"):
        return ""
    return (
        f"## The start\n\nTraining started from {code(started)}. The licences of those pictures "
        "are not recorded here."
    )


def network(config: dict[str, Any]) -> str:
    """The network behind the loss, or within the net; empty if there is none."""
    vgg = mapping(config, "task", "vgg") or mapping(config, "net")
    weights, kind = vgg.get("weights"), vgg.get("architecture", "vgg19")
    if weights is None:
        return ""
    if weights == "caffe":
        said = (
            "VGG-19 by K. Simonyan and A. Zisserman, Visual Geometry Group, University of Oxford, "
            "[CC BY 4.0](https://creativecommons.org/licenses/by/4.0/)"
        )
    elif weights == "torchvision":
        said = f"{code(kind)} of torchvision, IMAGENET1K_V1; licence of the weights: {NOT_STATED}"
    else:
        said = f"{code(kind)}, weights {code(weights)} of its user's; licence: {NOT_STATED}"
    use = "encodes photos and styles" if "vgg" not in mapping(config, "task") else "judged the net"
    return f"## The perceptual network\n\nThe network that {use}: {said}."
