"""pytorch/examples' fast_neural_style, loaded from a checkout: the reference to measure against."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import torch
import torchvision
from torch import Tensor, nn
from torch.nn.functional import mse_loss
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder

from stylenet.nets.johnson import CENTRE, CONTRAST
from stylenet.system.errors import UserError

CONTENT_WEIGHT, STYLE_WEIGHT = 1e5, 1e10  # the reference's defaults
NAMES = {
    "stem": ("conv1", "in1"),
    "down1": ("conv2", "in2"),
    "down2": ("conv3", "in3"),
    "up1": ("deconv1", "in4"),
    "up2": ("deconv2", "in5"),
}
"""Layers of ours with a norm → the reference's convolution and norm."""


Step = Callable[[Tensor], float]
"""A training step on photos in [0, 1], and the loss before it."""


class Reference:
    """The modules of a checkout of pytorch/examples, and its training step as it stands."""

    def __init__(self, checkout: Path) -> None:
        self.folder = checkout / "fast_neural_style" / "neural_style"
        torch.manual_seed(0)
        layers = torchvision.models.vgg.make_layers(torchvision.models.vgg.cfgs["D"])
        for layer in layers:
            if isinstance(layer, nn.Conv2d):  # a ReLU net of this keeps its features' size
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        self.weights = {f"features.{name}": value for name, value in layers.state_dict().items()}
        vgg = self._module("vgg")
        weights = SimpleNamespace(IMAGENET1K_V1=None)
        vgg.models = SimpleNamespace(
            vgg16=lambda weights: SimpleNamespace(features=layers), VGG16_Weights=weights
        )
        self.vgg = vgg.Vgg16()
        self.net = self._module("transformer_net").TransformerNet()
        self.tools = self._module("utils")

    def to(self, device: torch.device) -> None:
        """Move its nets."""
        self.net.to(device)
        self.vgg.to(device)

    def loader(self, folder: Path, size: int, batch: int) -> DataLoader[tuple[Tensor, int]]:
        """The photos of `folder` as its training loads them, without workers, in [0, 1]."""
        steps = [transforms.Resize(size), transforms.CenterCrop(size), transforms.ToTensor()]
        return DataLoader(ImageFolder(str(folder), transforms.Compose(steps)), batch)

    def _module(self, name: str) -> ModuleType:
        file = self.folder / f"{name}.py"
        if not file.is_file():
            raise UserError(f"{file} does not exist; give a checkout of pytorch/examples")
        spec = importlib.util.spec_from_file_location(f"reference_{name}", file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    def loss(self, photo: Tensor, grams: list[Tensor]) -> Tensor:
        """The reference's total loss on `photo` (B, 3, H, W) in [0, 255]."""
        y, x = self.net(photo), photo.clone()
        y, x = self.tools.normalize_batch(y), self.tools.normalize_batch(x)
        features, content = self.vgg(y), self.vgg(x)
        total: Tensor = CONTENT_WEIGHT * mse_loss(features.relu2_2, content.relu2_2)
        for feature, gram in zip(features, grams, strict=True):
            target = gram.expand(len(photo), -1, -1)
            total = total + STYLE_WEIGHT * mse_loss(self.tools.gram_matrix(feature), target)
        return total

    def grams(self, style: Tensor) -> list[Tensor]:
        """Its targets for a style picture (1, 3, H, W) in [0, 255]."""
        with torch.no_grad():
            features = self.vgg(self.tools.normalize_batch(style.clone()))
            return [self.tools.gram_matrix(feature) for feature in features]

    def step(self, style: Tensor) -> Step:
        """Its training step on photos in [0, 1]."""
        optimizer = torch.optim.Adam(self.net.parameters(), 1e-3)
        grams = self.grams(style * 255)

        def step(photo: Tensor) -> float:
            optimizer.zero_grad()
            total = self.loss(photo * 255, grams)
            total.backward()
            optimizer.step()
            return total.item()

        return step


def translate(theirs: dict[str, Tensor], ours: dict[str, Tensor]) -> dict[str, Tensor]:
    """The reference's weights under our names and for our units.

    The reference reads and writes 0-255; biases before an InstanceNorm change nothing.
    """
    state = dict(ours)
    layers = {f"{name}.": (f"{c}.conv2d.", f"{n}.") for name, (c, n) in NAMES.items()}
    for i in range(5):
        layers[f"residuals.{i}.body.0."] = (f"res{i + 1}.conv1.conv2d.", f"res{i + 1}.in1.")
        state[f"residuals.{i}.body.1.weight"] = theirs[f"res{i + 1}.conv2.conv2d.weight"]
        for part in ("weight", "bias"):
            state[f"residuals.{i}.body.2.{part}"] = theirs[f"res{i + 1}.in2.{part}"]
    for name, (conv, norm) in layers.items():
        state[f"{name}0.weight"] = theirs[f"{conv}weight"]
        for part in ("weight", "bias"):
            state[f"{name}1.{part}"] = theirs[f"{norm}{part}"]
    state["stem.0.weight"] = theirs["conv1.conv2d.weight"] * 255 * CONTRAST
    state["head.weight"] = theirs["deconv3.conv2d.weight"] / 255 / CONTRAST
    state["head.bias"] = (theirs["deconv3.conv2d.bias"] / 255 - CENTRE) / CONTRAST
    return state
