"""Nets for clips: what they see, and that they start as the per-frame net they grow from."""

import pytest
import torch
from torch.nn.functional import conv3d, pad

from stylenet.models.widths import resized
from stylenet.nets.johnson import TransformerNet
from stylenet.nets.traits import traits
from stylenet.nets.video import RecurrentNet, WindowNet, grown, on_clip

SIZE = (35, 42)


class SteadyNet(TransformerNet):
    """The per-frame net, but for the smoothing that nets for clips have."""

    steady = True


def small(kind: type[TransformerNet]) -> TransformerNet:
    torch.manual_seed(0)
    return kind(width=0.125, blocks=1).eval()


@pytest.mark.parametrize("width", [0.125, 0.2])
@pytest.mark.parametrize("kind", [RecurrentNet, WindowNet])
def test_a_grown_net_paints_every_frame_alone(kind, width):
    plain, net = small(SteadyNet), kind(width=width, blocks=1).eval()
    net.load_state_dict(grown(resized(plain.state_dict(), net), net))
    frames = torch.rand(2, traits(net).window, 3, *SIZE)
    with torch.no_grad():
        result = on_clip(net, frames, torch.rand(2, 3, *SIZE))
        expected = plain(frames[:, traits(net).receptive_radius])
    torch.testing.assert_close(result, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("kind", [RecurrentNet, WindowNet])
def test_what_is_new_in_a_grown_net_learns(kind):
    net = small(kind)
    weights = grown(small(TransformerNet).state_dict(), net)
    net.load_state_dict(weights)
    frames = torch.rand(1, traits(net).window, 3, *SIZE)
    on_clip(net, frames, torch.rand(1, 3, *SIZE)).square().sum().backward()
    grad = net.stem[0].weight.grad
    assert (grad[weights["stem.0.weight"] == 0].abs() > 0).all()


def test_a_recurrent_net_takes_a_first_frame_for_the_one_before():
    net, image = small(RecurrentNet), torch.rand(1, 3, *SIZE)
    assert torch.equal(net(image), net(image, image))
    assert not torch.allclose(net(image), net(image, 1 - image), atol=1e-3)


def test_a_window_net_sees_all_five_frames_and_takes_a_photo_for_a_still():
    net, image = small(WindowNet), torch.rand(1, 3, *SIZE)
    frames = image[:, None].repeat(1, 5, 1, 1, 1)
    assert torch.equal(net(image), net(frames))
    for time in range(5):
        other = frames.clone()
        other[:, time] = torch.rand(1, 3, *SIZE)
        assert not torch.allclose(net(frames), net(other), atol=1e-3), time


def test_the_stem_of_a_window_net_is_a_3d_convolution():
    net = small(WindowNet)
    frames = torch.rand(1, 5, 3, *SIZE)
    seen = []
    net.stem[0].register_forward_hook(lambda module, inputs, output: seen.append(output))
    net(frames)
    weight = net.stem[0].weight.unflatten(1, (3, 3)).transpose(1, 2)  # (out, 3, T, 9, 9)
    clip = ((frames - 0.5) * 255 / 64).transpose(1, 2)  # (1, 3, T, H, W)
    mirrored = pad(clip, (4, 4, 4, 4, 0, 0), "reflect")
    torch.testing.assert_close(
        seen[0], conv3d(mirrored, weight)[0].transpose(0, 1), atol=1e-4, rtol=1e-4
    )


@pytest.mark.parametrize("kind", [RecurrentNet, WindowNet])
def test_a_batch_of_clips_equals_one_by_one(kind):
    net = small(kind)
    frames = torch.rand(3, traits(net).window, 3, *SIZE)
    before = torch.rand(3, 3, *SIZE)
    with torch.no_grad():
        together = on_clip(net, frames, before)
        alone = [on_clip(net, frames[i : i + 1], before[i : i + 1]) for i in range(3)]
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-4, atol=1e-5)


def test_a_steady_net_follows_a_pixel_and_the_plain_one_only_its_stride():
    photo = torch.nn.functional.avg_pool2d(torch.rand(1, 3, 132, 138), 3, 1)

    def error(net: TransformerNet, by: int) -> float:
        with torch.no_grad():
            still, moved = net(photo[..., :128]), net(photo[..., by : 128 + by])
        difference = still[..., 32 + by : -32] - moved[..., 32 : -32 - by]
        return float(difference.square().mean().sqrt())

    plain, steady = small(TransformerNet), small(SteadyNet)
    assert error(plain, 1) > 3 * error(plain, 4)
    assert error(steady, 1) < 0.5 * error(plain, 1)
