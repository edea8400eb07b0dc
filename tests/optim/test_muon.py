"""Muon against the singular value decomposition, and against torch's own Adam."""

import copy

import torch
from torch import Tensor, nn

from stylenet.optim.muon import Muon, cautious_mask, orthogonalize


def test_singular_values_become_even_and_directions_stay():
    torch.manual_seed(0)
    for shape in [(2, 16, 144), (3, 32, 32), (1, 72, 16)]:
        matrices = torch.randn(*shape) * 1e-3
        values = torch.linalg.svdvals(matrices)
        assert (values[:, 0] > 1.5 * values[:, -1]).all()
        even = orthogonalize(matrices)
        u, _, v = torch.linalg.svd(matrices, full_matrices=False)
        inside = u.mT @ even @ v.mT
        diagonal = inside.diagonal(dim1=1, dim2=2)
        torch.testing.assert_close(inside, torch.diag_embed(diagonal), rtol=0, atol=1e-3)
        well = values > 0.01 * matrices.norm(dim=(1, 2))[:, None]
        assert diagonal[well].min() > 0.65
        assert diagonal.max() < 1.25


def test_no_gradient_signal_moves_nothing():
    assert torch.equal(orthogonalize(torch.zeros(1, 8, 8)), torch.zeros(1, 8, 8))


def fit(parameters: list[Tensor], optimizer: torch.optim.Optimizer, steps: int) -> None:
    for step in range(steps):
        optimizer.zero_grad()
        sum(((p - 1) * (p + step)).square().sum() for p in parameters).backward()
        optimizer.step()


def test_all_but_wide_convolutions_goes_by_adam():
    torch.manual_seed(0)
    shapes = [(5,), (16, 16), (3, 4, 2, 2)]
    ours = [nn.Parameter(torch.randn(shape)) for shape in shapes]
    theirs = copy.deepcopy(ours)
    fit(ours, Muon(ours, lr=0.03, betas=(0.8, 0.95)), 12)
    fit(theirs, torch.optim.Adam(theirs, lr=0.03, betas=(0.8, 0.95)), 12)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b)


def test_no_weight_goes_against_its_gradient_and_the_rest_makes_up_for_it():
    update = torch.tensor([3.0, 1.0, -2.0, 4.0])
    gradient = torch.tensor([1.0, -1.0, -5.0, 0.0])
    assert torch.equal(cautious_mask(update, gradient), torch.tensor([6.0, 0.0, -4.0, 0.0]))
    assert torch.equal(cautious_mask(update, -gradient), torch.tensor([0.0, 4.0, 0.0, 0.0]))
    assert torch.equal(cautious_mask(update, update), update)
    assert torch.equal(cautious_mask(update, -update), torch.zeros(4))


def test_a_weight_whose_gradient_turns_round_waits_for_its_momentum():
    for shape in [(2,), (8, 1, 1, 1)]:  # by Adam, by Muon
        weight = nn.Parameter(torch.zeros(shape))
        optimizer = Muon([weight], lr=0.1, cautious=True)
        for _ in range(5):
            weight.grad = torch.ones(shape)
            optimizer.step()
        before = weight.detach().clone()
        weight.grad = torch.full(shape, 0.01)
        weight.grad[0] = -0.01
        optimizer.step()
        moved = (weight.detach() - before).flatten()
        assert moved[0] == 0
        assert (moved[1:] < 0).all()


def test_a_convolutions_step_is_even_and_of_adams_size():
    """Whatever the gradient's scale, the step has Adam's root mean square: 0.2 learning rates."""
    torch.manual_seed(0)
    for scale in (1e-3, 1e3):
        weight = nn.Parameter(torch.zeros(16, 8, 3, 3))
        weight.grad = torch.randn_like(weight) * scale
        Muon([weight], lr=0.01).step()
        step = weight.detach().flatten(1) / 0.01
        assert 0.17 < float(step.square().mean().sqrt()) < 0.23
        values = torch.linalg.svdvals(step)
        assert values[0] / values[-1] < 2


def test_a_saved_optimiser_goes_on_as_if_never_stopped():
    torch.manual_seed(0)
    whole = [nn.Parameter(torch.randn(8, 3, 3, 3)), nn.Parameter(torch.randn(4))]
    halves = copy.deepcopy(whole)
    optimizer = Muon(whole, lr=0.02)
    fit(whole, optimizer, 3)
    fit(whole, optimizer, 3)
    first = Muon(halves, lr=0.02)
    fit(halves, first, 3)
    second = Muon(halves, lr=0.02)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    fit(halves, second, 3)
    for a, b in zip(whole, halves, strict=True):
        assert torch.equal(a, b)


def test_an_old_checkpoint_without_the_choice_of_caution_takes_the_optimisers_own():
    for cautious in (False, True):
        weight = nn.Parameter(torch.zeros(2))
        optimizer = Muon([weight], lr=0.1, cautious=cautious)
        saved = optimizer.state_dict()
        for group in saved["param_groups"]:
            del group["cautious"]
        optimizer.load_state_dict(saved)
        assert [group["cautious"] for group in optimizer.param_groups] == [cautious]
