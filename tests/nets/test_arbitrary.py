"""Nets for any style: what a code holds, what it does, what is learnt, and attention in blocks."""

import copy

import pytest
import torch
from torch import nn

from stylenet.nets.adain import AdaIN, adain
from stylenet.nets.arbitrary import ArbitraryNet, Styled, constant, cropped, padded
from stylenet.nets.sanet import QUERIES, SANet, attended
from stylenet.runtime.codes import fitted, mixed

NETS = {
    "adain": lambda: AdaIN(width=0.125),
    "published": lambda: AdaIN(width=0.125, skips=False),
    "sanet": lambda: SANet(width=0.125),
    "published sanet": lambda: SANet(width=0.125, skips=False),
}


@pytest.fixture(scope="module", params=NETS)
def net(request: pytest.FixtureRequest) -> ArbitraryNet:
    torch.manual_seed(0)
    return NETS[request.param]().eval()


@pytest.fixture
def style() -> torch.Tensor:
    return torch.rand(1, 3, 48, 64)


@pytest.mark.parametrize("size", [(32, 32), (33, 47), (50, 39)], ids=str)
def test_the_output_has_the_photos_size(net, style, size: tuple[int, int]):
    photo = torch.rand(2, 3, *size)
    assert Styled(net, net.code(style))(photo).shape == photo.shape


def test_a_batch_of_photos_and_styles_equals_one_by_one(net):
    photos, styles = torch.rand(2, 3, 40, 45), torch.rand(2, 3, 48, 48) ** 2
    with torch.no_grad():
        together = net(photos, net.code(styles))
        alone = [net(p[None], net.code(s[None])) for p, s in zip(photos, styles, strict=True)]
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-3, atol=1e-4)
    assert (alone[0] - alone[1]).abs().max() > 0.01


def test_strength_goes_from_the_photos_own_features_to_the_style(net, style):
    photo = torch.rand(1, 3, 40, 40)
    with torch.no_grad():
        code = net.code(style)
        own, full = Styled(net, net.code(photo))(photo), Styled(net, code)(photo)
        none = Styled(net, code, 0.0)(photo)
        all_of_it = net(photo, code, torch.ones(1))
    torch.testing.assert_close(none, own, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(all_of_it, full, rtol=1e-3, atol=1e-4)
    assert (full - own).abs().max() > 0.01


def test_only_the_decoder_is_learnt_and_kept(net):
    assert not [name for name in net.state_dict() if "encoder" in name]
    assert not [name for name, _ in net.named_parameters() if "encoder" in name]
    net(torch.rand(1, 3, 32, 32), net.code(torch.rand(1, 3, 32, 32))).square().sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0 or "key.bias" in name, name  # softmax undoes it
    net.zero_grad()


def test_adain_gives_the_codes_statistics():
    mean, deviation = torch.randn(2, 5), torch.rand(2, 5) + 0.1
    out = adain(torch.randn(2, 5, 9, 8), torch.cat([mean, deviation], 1))
    torch.testing.assert_close(out.mean((2, 3)), mean, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(out.std((2, 3), correction=0), deviation, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("skips", "numbers"), [(True, 1920), (False, 1024)])
def test_the_code_is_means_and_deviations(skips: bool, numbers: int, style):
    net = AdaIN(width=0.125, skips=skips)
    code = net.code(style)
    features = net.encode(style)["relu4_1"].flatten(2)
    assert code.shape == (1, numbers)
    torch.testing.assert_close(code[:, :512], features.mean(2), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(
        code[:, 512:1024], features.std(2, correction=0), rtol=1e-3, atol=4e-3
    )


def test_the_mixture_of_codes_is_that_of_features():
    net, photo = AdaIN(width=0.125), torch.rand(1, 3, 40, 40)
    features = net.encode(photo)
    codes = [net.code(torch.rand(1, 3, 40, 48) ** power) for power in (1, 3)]
    both = torch.from_numpy(mixed([code.numpy() for code in codes], [3, 1]))
    apart = [net.transfer(features, code)["relu2_1"] for code in codes]
    expected = 0.75 * apart[0] + 0.25 * apart[1]
    torch.testing.assert_close(net.transfer(features, both)["relu2_1"], expected)


def test_places_of_styles_count_by_their_shares():
    """A style beside itself, in any shares, is itself; a share near 1 leaves nothing else."""
    query = torch.randn(1, 7, 16)
    codes = [torch.randn(1, 17, count) for count in (5, 9)]
    for code in codes:
        code[:, -1] = 0

    def found(*styles: torch.Tensor, shares: list[float]) -> torch.Tensor:
        code = torch.from_numpy(mixed([style.numpy() for style in styles], shares))
        places = code[:, :-1, 1:].mT
        return attended(query, places, places, code[:, -1, 1:])

    alone = found(codes[0], shares=[1])
    torch.testing.assert_close(found(codes[0], codes[0], shares=[1, 4]), alone)
    torch.testing.assert_close(found(*codes, shares=[1, 1e-9]), alone, rtol=1e-4, atol=1e-4)
    assert (found(*codes, shares=[1, 1]) - alone).abs().max() > 0.01


def test_what_attention_made_has_the_styles_statistics(style):
    net, photo = SANet(width=0.125).eval(), torch.rand(1, 3, 48, 48)
    with torch.no_grad():
        made = net.transfer(net.encode(photo), net.code(style))["relu4_1"]
        wanted = net.encode(style)["relu4_1"]
    torch.testing.assert_close(made.mean((2, 3)), wanted.mean((2, 3)), rtol=1e-3, atol=1e-2)
    deviations = made.std((2, 3), correction=0), wanted.std((2, 3), correction=0)
    alive = deviations[0] > 1  # a channel that is zero all over cannot vary
    assert alive.float().mean() > 0.5
    torch.testing.assert_close(deviations[0][alive], deviations[1][alive], rtol=1e-2, atol=0.1)


def test_attention_in_blocks_is_the_whole_formula():
    query, key = torch.randn(2, QUERIES + 77, 8), torch.randn(2, 33, 8)
    value, weight = torch.randn(2, 33, 5), torch.randn(2, 33)
    products = query @ key.mT / 8**0.5 + weight[:, None]
    torch.testing.assert_close(attended(query, key, value, weight), products.softmax(2) @ value)


def test_padding_mirrors_the_far_ends_and_cropping_takes_them_off():
    image = torch.rand(1, 2, 13, 16)
    wide = padded(image)
    assert wide.shape == (1, 2, 16, 16)
    assert torch.equal(wide[..., 13, :], image[..., 11, :])
    assert torch.equal(cropped(wide, 13, 16), image)


def test_constants_compute_the_same():
    module, image = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), torch.rand(1, 3, 8, 8)
    before = module(image)
    assert torch.equal(constant(module)(image), before)
    assert not list(module.parameters())
    assert not module.state_dict()


def test_a_copy_of_an_encoder_that_is_not_read_yet_is_another_encoder(style):
    first = AdaIN(0.1)
    again = copy.deepcopy(first)
    assert torch.equal(again.code(style), first.code(style))


def test_style_pictures_are_fitted_by_their_shorter_side(picture):
    assert fitted(picture).shape == (256, 341, 3)
    assert fitted(picture.transpose(1, 0, 2)).shape == (341, 256, 3)
