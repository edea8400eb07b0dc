"""What a GPU and torch.compile compute, against what a CPU computes in float64."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from stylenet.nets.blocks import Head
from stylenet.ops.convolution import reflected_conv
from stylenet.ops.gram import gram_matrix
from stylenet.ops.instance_norm import instance_norm
from stylenet.ops.reflection import reflection_pad
from stylenet.ops.sub_pixel import pixel_shuffle
from stylenet.ops.upsample import binomial, upsample

Op = Callable[..., Tensor]
Error = Callable[[Tensor, Tensor], float]

SHAPES = [(1, 8, 2, 3), (4, 16, 3, 2), (1, 12, 7, 10), (4, 16, 9, 5)]
MOST = {torch.float32: 1e-6, torch.bfloat16: 5e-3}
"""The largest relative error (RMS): a few roundings."""

OPS = {"upsample": upsample, "binomial": binomial, "pad 1": lambda x: reflection_pad(x, 1)}


@pytest.fixture(params=["traced", pytest.param("on a GPU", marks=pytest.mark.gpu)])
def as_traced(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Op], Op]:
    """Makes a function run as torch.compile would trace it, or on a GPU."""

    def traced(op: Op) -> Op:
        def run(*inputs: Tensor) -> Tensor:
            with monkeypatch.context() as patch:
                patch.setattr(torch.compiler, "is_compiling", lambda: True)
                return op(*inputs)

        return run

    def moved(op: Op) -> Op:
        there = copy.deepcopy(op).cuda() if isinstance(op, nn.Module) else op
        return lambda *inputs: there(*(each.cuda() for each in inputs)).cpu()

    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    return traced if request.param == "traced" else moved


def features(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """Channels-last, with means as large as seven deviations."""
    x = 3 * torch.randn(shape) + 20 * torch.rand(shape[1], 1, 1)
    return x.to(dtype).contiguous(memory_format=torch.channels_last)


def assert_same(
    ours: Op, theirs: Op, inputs: list[Tensor], error: Error, most: float | None = None
) -> None:
    """Hold the result and all gradients of `ours` to those of `theirs` in float64."""
    mine = [x.requires_grad_() for x in inputs]
    exact = [x.detach().double().requires_grad_() for x in inputs]
    out, expected = ours(*mine), theirs(*exact)
    gradient = torch.randn_like(out)
    out.backward(gradient)
    expected.backward(gradient.to(expected.dtype))
    most = most or MOST[inputs[0].dtype]
    assert error(out, expected.detach()) < most
    for a, b in zip(mine, exact, strict=True):
        assert a.grad.dtype == a.dtype
        assert error(a.grad, b.grad) < 2 * most
    if out.ndim == 4:
        assert out.dtype == inputs[0].dtype
        assert out.is_contiguous(memory_format=torch.channels_last)
        assert mine[0].grad.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("dtype", MOST, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("op", OPS.values(), ids=OPS)
def test_resizing_smoothing_and_padding(
    op: Op, shape: tuple[int, ...], dtype: torch.dtype, as_traced: Callable[[Op], Op], error: Error
):
    assert_same(as_traced(op), op, [features(shape, dtype)], error)


@pytest.mark.parametrize("size", [(5, 6), (9, 10), (11, 17)], ids=str)
def test_wide_margins_of_small_pictures(
    size: tuple[int, int], as_traced: Callable[[Op], Op], error: Error
):
    def op(x: Tensor) -> Tensor:
        return reflection_pad(x, 4)

    x = features((2, 3, *size), torch.float32)
    assert torch.equal(as_traced(op)(x), op(x))
    assert_same(as_traced(op), op, [x], error)


def test_a_margin_must_fit_into_the_picture(as_traced: Callable[[Op], Op]):
    with pytest.raises(RuntimeError, match="Padding by 4"):
        as_traced(lambda x: reflection_pad(x, 4))(torch.zeros(1, 1, 9, 4))


@pytest.mark.parametrize("op", OPS.values(), ids=OPS)
def test_what_is_flat_stays_flat_to_the_bit(op: Op, as_traced: Callable[[Op], Op]):
    x = torch.rand(1, 64, 1, 1).expand(1, 64, 31, 39).contiguous(memory_format=torch.channels_last)
    out = as_traced(op)(x)
    assert torch.equal(out, x[..., :1, :1].expand_as(out))


@pytest.mark.parametrize("dtype", MOST, ids=str)
@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_instance_norm(
    shape: tuple[int, ...],
    relu: bool,
    own: bool,
    dtype: torch.dtype,
    as_traced: Callable[[Op], Op],
    error: Error,
):
    affine = [torch.randn(shape[:2] if own else shape[1]) for _ in range(2)]
    inputs = [features(shape, dtype), *affine]
    norm = as_traced(lambda *x: instance_norm(*x, 1e-5, relu))
    kept = (norm(*inputs) > 0) | (not relu)  # values next to 0 may be rounded to either side of it

    def exact(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        centred = x - x.mean((2, 3), keepdim=True)
        deviation = (centred.square().mean((2, 3), keepdim=True) + 1e-5).sqrt()
        scale, shift = (part.view(-1, shape[1], 1, 1) for part in (scale, shift))
        return (centred / deviation * scale + shift) * kept

    assert_same(norm, exact, inputs, error, most={torch.float32: 5e-6}.get(dtype))


def test_instance_norm_of_a_flat_picture_gives_the_shift(as_traced: Callable[[Op], Op]):
    x = torch.full((1, 16, 9, 9), 100.0).contiguous(memory_format=torch.channels_last)
    shift = torch.arange(16.0) - 8
    out = as_traced(lambda x: instance_norm(x, torch.ones(16).to(x), shift.to(x), 1e-5))(x)
    assert torch.equal(out, shift.view(1, 16, 1, 1).expand_as(out))


@pytest.mark.parametrize("dtype", MOST, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_gram_matrices(
    shape: tuple[int, ...], dtype: torch.dtype, as_traced: Callable[[Op], Op], error: Error
):
    def exact(x: Tensor) -> Tensor:
        return x.flatten(2) @ x.flatten(2).mT / x[0].numel()

    x = features(shape, dtype)
    assert_same(as_traced(gram_matrix), exact, [x], error)
    assert error(as_traced(gram_matrix)(x).detach(), exact(x.detach().double())) < 1e-6


def test_gram_matrices_of_bfloat16_are_those_of_the_same_numbers_in_float32(
    as_traced: Callable[[Op], Op],
):
    x = features((2, 16, 9, 5), torch.bfloat16)
    assert torch.equal(as_traced(gram_matrix)(x), as_traced(gram_matrix)(x.float()))


@pytest.mark.parametrize("stride", [1, 2])
def test_convolutions(stride: int, as_traced: Callable[[Op], Op], error: Error):
    def op(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return reflected_conv(x, weight, bias, stride)

    weight = torch.randn(64, 64, 3, 3)
    inputs = [features((2, 64, 11, 14), torch.float32), weight, torch.randn(64)]
    assert_same(as_traced(op), op, inputs, error, most=3e-6)


def test_pixels_are_shuffled_as_torch_shuffles_them(as_traced: Callable[[Op], Op], error: Error):
    def op(x: Tensor) -> Tensor:
        return pixel_shuffle(x, 2)

    x = features((2, 12, 5, 7), torch.float32)
    assert torch.equal(as_traced(op)(x), op(x))
    assert_same(as_traced(op), op, [x], error)


def test_a_head_is_a_plain_convolution(as_traced: Callable[[Op], Op]):
    head, x = Head(16, 3, 9), features((2, 16, 12, 15), torch.float32)
    plain = conv2d(reflection_pad(x, 4), head.weight, head.bias)
    torch.testing.assert_close(as_traced(head)(x), plain, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(head(x), plain, rtol=1e-4, atol=1e-4)
