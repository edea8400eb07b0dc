"""Whatever can be evaluated: a run, its model file, an export, or a peer's ONNX net."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from stylenet.evaluation.adapter import PeerNet, read_adapter
from stylenet.evaluation.inputs import Input, picture_file
from stylenet.models.checkpoint import in_mixture, load_model, one_way
from stylenet.models.credits import notes
from stylenet.models.learnt import has_picture, learnt_picture, trained_on
from stylenet.nets.apply import apply_net, clip_net
from stylenet.nets.arbitrary import styled
from stylenet.nets.traits import traits
from stylenet.pictures.images import Bytes
from stylenet.pictures.outputs import model_file
from stylenet.runtime.clips import ClipNet, per_frame
from stylenet.runtime.damage import metadata_of
from stylenet.runtime.mixture import MixtureSession, weights_of
from stylenet.runtime.model import CONTRACT_KEY, open_model, open_onnx
from stylenet.runtime.pair import STYLE_SUFFIX, Pair
from stylenet.runtime.stylizer import Net, at_work, clip_at_work
from stylenet.system.errors import UserError
from stylenet.system.untrusted import label, mapping


@dataclass(frozen=True)
class Subject:
    """A model to evaluate.

    name: as it was given. files: all files it is read from, the model first. net: uint8 (H, W, 3) →
    the same. clip: the net at work on clips. module: the torch net; None for an ONNX file. style:
    returns the model's own style picture, the first of several; raises UserError if there is none,
    or if the model was trained on another picture. restyled: for a model whose style is set at run
    time, returns the model in another style. learnt: the sha256 of every style that such a model
    has learnt; None if it takes any style.
    """

    name: str
    files: list[Path]
    net: Net
    clip: ClipNet
    module: nn.Module | None
    style: Callable[[], Input]
    restyled: Callable[[Input], Subject] | None = None
    learnt: Sequence[str] | None = None

    def by_style(self, styles: Sequence[Input]) -> list[tuple[Subject, Sequence[Input]]]:
        """Pairs of a subject and the styles to compare it with.

        A model of one style is compared with all `styles`. A model whose style is set at run time
        appears once for each style that it knows, and is set to this style.

        Raises:
            UserError: a style cannot be read, or the model has learnt none of them.
        """
        if self.restyled is None:
            return [(self, styles)]
        known = [each for each in styles if self.learnt is None or each.sha256 in self.learnt]
        if not known:
            raise UserError(f"{self.name} has learnt none of the styles; check --styles")
        return [(self.restyled(style), [style]) for style in known]


def with_adapters(
    models: Sequence[Path], adapters: Sequence[Path]
) -> list[tuple[Path, Path | None]]:
    """Each model with its adapter; None for stylenet's own models.

    The peers' models share a single adapter, or each takes one, in order.

    Raises:
        UserError: adapters are missing or left over.
    """
    peers = [model for model in models if _is_peer(model)]
    if len(adapters) == 1 and peers:
        adapters = [*adapters] * len(peers)
    if len(peers) > len(adapters):
        raise UserError(f"{peers[len(adapters)]} is no stylenet model; describe it with --adapter")
    if len(peers) < len(adapters):
        raise UserError(f"--adapter {adapters[len(peers)]}: no model is left that needs it")
    left = iter(adapters)
    return [(model, next(left) if model in peers else None) for model in models]


def open_subject(model: Path, adapter: Path | None, threads: int | None = None) -> Subject:
    """A model on the CPU, ready to stylise.

    threads: number of onnxruntime's threads; by default one for each core.

    Raises:
        UserError: the model or its adapter cannot be read, or the two do not fit.
    """
    if adapter is not None:
        return _peer(model, adapter, threads)
    return _exported(model, threads) if model.suffix == ".onnx" else _trained(model)


def _is_peer(model: Path) -> bool:
    if model.suffix != ".onnx":
        return False
    return CONTRACT_KEY not in metadata_of(open_onnx(model), str(model))


def _trained(path: Path) -> Subject:
    model = one_way(load_model(path), "forth")
    net = model.net.to(memory_format=torch.channels_last)
    file = model_file(path)
    style = partial(_own_style, path, model.config)

    def subject(net: nn.Module) -> Subject:
        return Subject(str(path), [file], partial(apply_net, net), clip_net(net), net, style)

    told = traits(net)
    if told.styles:
        alone = [weights_of(told.styles, [(each, 1.0)]) for each in told.styles]
        count = len(alone)
        return _of_several(model.config, count, lambda i: subject(in_mixture(model, alone[i]).net))
    if told.takes_style:
        return _of_any_style(lambda rgb: subject(styled(net, [rgb], [1.0])))
    return subject(net)


def _exported(path: Path, threads: int | None) -> Subject:
    model = open_model(path, "cpu", threads)
    config = model.config
    style = partial(_own_style, path, config)
    if model.styles:

        def alone(number: int) -> Subject:
            net = MixtureSession(model, [(model.styles[number], 1.0)])
            return Subject(str(path), [path], net, per_frame(net), None, style)

        return _of_several(config, len(model.styles), alone)
    if model.takes_style:
        pair, files = Pair(model), [path, path.with_suffix(STYLE_SUFFIX)]

        def subject(rgb: Bytes) -> Subject:
            net = pair.styled([rgb], [1.0])
            return Subject(str(path), files, net, per_frame(net), None, style)

        return _of_any_style(subject)
    return Subject(str(path), [path], at_work(model), clip_at_work(model), None, style)


def _of_several(
    config: Mapping[str, Any], count: int, subject: Callable[[int], Subject]
) -> Subject:
    """A subject of several styles, by number. It starts in the first style."""
    learnt = [str(mapping(note).get("sha256")) for note in notes(dict(config))[:count]]
    return replace(
        subject(0), restyled=lambda style: subject(learnt.index(style.sha256)), learnt=learnt
    )


def _of_any_style(subject: Callable[[Bytes], Subject]) -> Subject:
    """A subject that takes any style. It starts in the style of a black picture."""
    black = np.zeros((64, 64, 3), np.uint8)
    return replace(subject(black), restyled=lambda style: subject(style.fitted()))


def _peer(path: Path, file: Path, threads: int | None) -> Subject:
    adapter = read_adapter(file)

    def style() -> Input:
        if adapter.style is None:
            raise UserError(f"{file} names no style picture; add style: PICTURE to it")
        return picture_file(adapter.style, adapter.style.stem)

    net = PeerNet(path, adapter, threads)
    return Subject(str(path), [path, file], net, per_frame(net), None, style)


def _own_style(model: Path, config: Mapping[str, Any]) -> Input:
    """The picture that `model` was trained on, found or fetched again, and checked."""
    if not has_picture(config):
        raise UserError(f"{model} has no style picture of its own; use --suite coco-wikiart")
    picture = learnt_picture(config, model)
    trained = trained_on(config)
    if trained not in (None, picture.sha256):
        raise UserError(
            f"{model} was trained on another picture than {picture.credit} (sha256 "
            f"{label(trained)}, not {picture.sha256}); use --suite coco-wikiart with the original "
            "picture in --styles"
        )
    return Input(picture.name, picture.sha256, lambda: picture.rgb)
