"""Winograd's convolution against torch's in float64."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from stylenet.ops.cpu.winograd import Filters, conv3x3, narrowest, suits

SHAPES = [(2, 64, 128, 13, 18), (1, 128, 64, 5, 4), (3, 64, 64, 2, 3), (2, 192, 64, 33, 35)]
NARROW = [(2, 48, 16, 13, 18), (1, 16, 96, 6, 7)]
"""Batch, channels, channels made, height, width."""

Error = Callable[[Tensor, Tensor], float]


def drawn(shape: tuple[int, int, int, int, int], dtype: torch.dtype) -> list[Tensor]:
    """A picture, a weight, a bias and a gradient of the result."""
    batch, channels, made, height, width = shape
    return [
        torch.randn(batch, channels, height, width).to(dtype),
        torch.randn(made, channels, 3, 3) / (3 * channels**0.5),
        torch.randn(made),
        torch.randn(batch, made, height, width).to(dtype),
    ]


@pytest.mark.usefixtures("_kernels")
@pytest.mark.parametrize(("dtype", "most"), [(torch.float32, 4e-6), (torch.bfloat16, 3e-2)])
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("reflect", [False, True])
@pytest.mark.parametrize("shape", SHAPES + NARROW)
def test_it_convolves_and_its_gradients_are_torchs(
    shape: tuple[int, int, int, int, int],
    reflect: bool,
    relu: bool,
    dtype: torch.dtype,
    most: float,
    error: Error,
):
    if shape in NARROW and narrowest() > 16:
        pytest.skip("these channels do not fill this processor's vectors")
    x, weight, bias, gradient = drawn(shape, dtype)
    ours = [x.requires_grad_(), weight.requires_grad_(), bias.requires_grad_()]
    assert suits(x, weight)
    out = conv3x3(x, weight, bias, reflect=reflect, relu=relu)
    out.backward(gradient)
    theirs = [value.detach().double().requires_grad_() for value in ours]
    padded = pad(theirs[0], (1,) * 4, "reflect" if reflect else "constant")
    expected = conv2d(padded, theirs[1], theirs[2])
    kept = (out > 0) | (not relu)  # values next to 0 may round to the other side
    expected.backward(gradient.double() * kept)
    assert out.dtype == dtype
    assert error(out, expected.detach() * kept) < most
    for a, b in zip(ours, theirs, strict=True):
        assert error(a.grad, b.grad) < most


@pytest.mark.usefixtures("_kernels")
def test_a_flat_picture_stays_flat_to_the_bit():
    x = torch.rand(1, 64, 1, 1).expand(1, 64, 21, 30).contiguous()
    out = conv3x3(x, drawn(SHAPES[2], torch.float32)[1], reflect=True)
    assert torch.equal(out, out[..., :1, :1].expand_as(out))


@pytest.mark.usefixtures("_kernels")
def test_without_a_bias_in_any_layout_and_under_autocast(error: Error):
    x, weight, _, _ = drawn(SHAPES[0], torch.float32)
    expected = conv2d(x.double(), weight.double(), padding=1)
    for layout in (torch.contiguous_format, torch.channels_last):
        assert error(conv3x3(x.contiguous(memory_format=layout), weight), expected) < 2e-6
    with torch.autocast("cpu", torch.bfloat16):
        out = conv3x3(x, weight)
    assert out.dtype == torch.bfloat16
    assert error(out, expected) < 2e-2


def test_pictures_do_not_depend_on_their_batch_nor_on_threads():
    x, weight, bias, gradient = drawn(SHAPES[3], torch.float32)
    x.requires_grad_()
    weight.requires_grad_()
    if not suits(x, weight):
        pytest.skip("no C compiler here, or not its processor")
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            out = conv3x3(x, weight, bias, reflect=True)
            results.append([out, *torch.autograd.grad(out, (x, weight), gradient)])
    finally:
        torch.set_num_threads(before)
    for a, b in zip(*results, strict=True):
        assert torch.equal(a, b)
    alone = [conv3x3(picture[None], weight, bias, reflect=True) for picture in x]
    assert torch.equal(torch.cat(alone), results[0][0])


@pytest.mark.usefixtures("_kernels")
def test_kept_filters_serve_both_types(error: Error):
    x, weight, _, _ = drawn(SHAPES[0], torch.float32)
    filters = Filters()
    expected = conv2d(x.double(), weight.double(), padding=1)
    for dtype, most in ((torch.float32, 2e-6), (torch.bfloat16, 2e-2), (torch.float32, 2e-6)):
        assert error(conv3x3(x.to(dtype), weight, filters=filters), expected) < most


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((1, 24, 64, 8, 8), torch.float32),
        ((1, 64, 40, 8, 8), torch.float32),
        ((1, 64, 64, 1, 8), torch.float32),
        ((1, 64, 64, 8, 8), torch.float64),
        ((1, 64, 64, 8, 8), torch.float16),
    ],
)
def test_it_leaves_to_torch_what_it_cannot_do(
    shape: tuple[int, int, int, int, int], dtype: torch.dtype
):
    x, weight, _, _ = drawn(shape, dtype)
    assert not suits(x, weight)


def test_it_leaves_to_torch_what_autocast_makes_too_short():
    x, weight, _, _ = drawn((1, 64, 64, 8, 8), torch.float32)
    with torch.autocast("cpu", torch.float16):
        assert not suits(x, weight)
