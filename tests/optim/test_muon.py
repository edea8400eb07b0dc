"""Muon against the papers' formulas, parameter by parameter, and against torch's own Adam."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from stylenet.optim import muon
from stylenet.optim.muon import Muon, cautious_mask
from stylenet.optim.schedule import warmup_cosine

SHAPES = [(16, 3, 5, 5), (8, 16, 3, 3), (8, 16, 3, 3), (24, 2, 3, 3), (8, 16, 1, 1)]
SHAPES += [(16,), (8,), (5, 7), (3, 8, 3, 3), (8, 1, 1, 1), ()]
DEVICES = ["cpu"]
if torch.cuda.is_available():
    DEVICES.append("cuda")


Backend = Callable[[torch.fx.GraphModule, list[Tensor]], Callable[..., object]]


def net(device: str = "cpu") -> list[nn.Parameter]:
    """Weights in torch's layout and in channels-last layout, by turns."""
    torch.manual_seed(0)
    weights = [torch.randn(shape, device=device) for shape in SHAPES]
    for k, weight in enumerate(weights):
        if weight.ndim == 4 and k % 2:
            weights[k] = weight.contiguous(memory_format=torch.channels_last)
    return [nn.Parameter(weight) for weight in weights]


def gradients(step: int) -> list[Tensor | None]:
    """The gradients of a step: noise about a constant. Some are missing in each step."""
    torch.manual_seed(0)
    means = [torch.randn(shape) for shape in SHAPES]
    torch.manual_seed(step + 1)
    noisy = [(mean + torch.randn_like(mean)) * 10.0 ** -(k % 4) for k, mean in enumerate(means)]
    return [None if (step + k) % 4 == 0 else grad for k, grad in enumerate(noisy)]


def by_the_papers(rates: list[float], cautious: bool) -> list[Tensor]:
    """The weights after steps at `rates`, in float64, with the default settings of Muon."""
    weights = [p.detach().double() for p in net()]
    first = [torch.zeros_like(w) for w in weights]
    second = [torch.zeros_like(w) for w in weights]
    counts = [0] * len(weights)
    for step, rate in enumerate(rates):
        for k, grad in enumerate(gradients(step)):
            if grad is None:
                continue
            g = grad.double()
            counts[k] += 1
            if g.ndim == 4 and len(g) >= 8:
                first[k] = 0.95 * first[k] + 0.05 * g
                x = (0.95 * first[k] + 0.05 * g).flatten(1)
                x = x / x.norm()
                for _ in range(5):
                    square = x @ x.T
                    x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
                update = 0.2 * max(x.shape) ** 0.5 * x.view(g.shape)
            else:
                first[k] = 0.9 * first[k] + 0.1 * g
                second[k] = 0.99 * second[k] + 0.01 * g * g
                mean, square = (
                    first[k] / (1 - 0.9 ** counts[k]),
                    second[k] / (1 - 0.99 ** counts[k]),
                )
                update = mean / (square.sqrt() + 1e-8)
            if cautious:
                kept = (update * g > 0).double()
                update = update * kept / max(float(kept.mean()), 1e-3)
            weights[k] -= rate * update
    return weights


@pytest.fixture(params=["as on a CPU", "as on a GPU"])
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways of computing: by shape, and padded in one batch."""
    monkeypatch.setattr(muon, "_launches_cost", lambda tensor: request.param == "as on a GPU")


@pytest.mark.usefixtures("_way")
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("cautious", [False, True])
def test_steps_are_those_of_the_papers(cautious: bool, device: str):
    """With missing gradients, changing rates, and any layout, 20 steps in float32."""
    rates = [0.01 * (1 + step % 3) for step in range(20)]
    weights = net(device)
    optimizer = Muon(weights, cautious=cautious)
    for step, rate in enumerate(rates):
        for p, grad in zip(weights, gradients(step), strict=True):
            p.grad = None if grad is None else torch.empty_like(p).copy_(grad)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
    for p, expected in zip(weights, by_the_papers(rates, cautious), strict=True):
        torch.testing.assert_close(p.detach().cpu().double(), expected, rtol=1e-5, atol=3e-6)


def train(
    weights: list[nn.Parameter], optimizer: Muon, steps: int, backend: Backend | None = None
) -> None:
    """Steps along a schedule, compiled as one graph if there is a backend."""
    compiled = torch.compile(optimizer.step, fullgraph=True, backend=backend) if backend else None
    schedule = warmup_cosine(optimizer, steps, warmup=2)  # wraps the optimiser's step
    step = compiled or optimizer.step
    for k in range(steps):
        for p, grad in zip(weights, gradients(0), strict=True):
            p.grad = None if grad is None else torch.empty_like(p).copy_(grad * (-1) ** k)
        step()
        schedule.step()


def test_a_rate_that_is_a_tensor_follows_the_schedule_in_place():
    plain, ours = net(), net()
    train(plain, Muon(plain, lr=0.02), 6)
    rate = torch.tensor(0.02)
    optimizer = Muon(ours, lr=rate)
    train(ours, optimizer, 6)
    assert all(group["lr"] is rate for group in optimizer.param_groups)
    for a, b in zip(plain, ours, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-6)


@pytest.mark.usefixtures("_way")
@pytest.mark.filterwarnings("ignore:Detected call of:UserWarning")  # a compiled step is not wrapped
def test_one_graph_holds_a_step_whatever_its_number_and_rate():
    eager, ours = net(), net()
    train(eager, Muon(eager, lr=torch.tensor(0.02), cautious=True), 5)
    optimizer = Muon(ours, lr=torch.tensor(0.02), cautious=True)
    graphs: list[torch.fx.GraphModule] = []

    def backend(graph: torch.fx.GraphModule, _: list[Tensor]) -> Callable[..., object]:
        graphs.append(graph)
        return graph.forward

    train(ours, optimizer, 5, backend)
    assert len(graphs) <= 2  # one more where the first step makes what the next ones find
    for a, b in zip(eager, ours, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-6)


class Launches(TorchDispatchMode):
    """Counts operations but for views. An operation on a list counts once."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        returns = func._schema.returns
        is_view = any(r.alias_info and not r.alias_info.is_write for r in returns)
        if func.namespace == "aten" and not is_view and "_unsafe_view" not in func.name():
            self.count += 1
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("repeats", [1, 3])
def test_a_step_on_a_gpu_takes_few_launches_and_never_waits(repeats: int):
    """On tensors without content: to read one would raise an error."""
    with FakeTensorMode():
        weights = [nn.Parameter(torch.empty(s, device="cuda")) for s in SHAPES * repeats]
        for p in weights:
            p.grad = torch.empty_like(p)
        optimizer = Muon(weights, lr=torch.tensor(0.01, device="cuda"), cautious=True)
        optimizer.step()
        with Launches() as launches:
            optimizer.step()
    assert launches.count <= 75


@pytest.mark.gpu
def test_a_cuda_graph_replays_steps_at_changing_rates():
    eager, ours = net("cuda"), net("cuda")
    optimizers = [Muon(w, lr=torch.tensor(0.02, device="cuda")) for w in (eager, ours)]
    for weights, optimizer in zip((eager, ours), optimizers, strict=True):
        for p in weights:
            p.grad = torch.ones_like(p)
        optimizer.step()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        optimizers[1].step()
    for step in range(4):
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"].fill_(0.01 * step)
        optimizers[0].step()
        graph.replay()
    for a, b in zip(eager, ours, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-6)


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
    masked = cautious_mask([update] * 4, [gradient, -gradient, update, -update])
    expected = [[6.0, 0.0, -4.0, 0.0], [0.0, 4.0, 0.0, 0.0], [3.0, 1.0, -2.0, 4.0], [0.0] * 4]
    assert torch.equal(torch.stack(masked), torch.tensor(expected))


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


def goes_on(whole: nn.Parameter, name: str, change: Callable[[Any], Any]) -> None:
    """Hold a training that goes on from a changed state to one that never stopped."""
    part = copy.deepcopy(whole)
    first, second = Muon([whole], lr=0.02), Muon([part], lr=0.02)
    fit([whole], first, 3)
    saved = copy.deepcopy(first.state_dict())
    saved["state"][0][name] = change(saved["state"][0][name])
    part.data.copy_(whole.data)
    second.load_state_dict(saved)
    fit([whole], first, 3)
    fit([part], second, 3)
    assert torch.equal(whole, part)


def plain(step: Tensor) -> int:
    assert float(step) == 3
    return 3


def test_an_old_checkpoint_with_plain_numbers_of_steps_goes_on():
    goes_on(nn.Parameter(torch.tensor([1.0, 2.0])), "step", plain)


def test_a_rate_keeps_its_kind_when_a_checkpoint_of_the_other_kind_is_loaded():
    weight = nn.Parameter(torch.zeros(2))
    rate = torch.tensor(0.25)
    number, tensor = Muon([weight], lr=0.5), Muon([weight], lr=rate)
    saved = copy.deepcopy(tensor.state_dict())
    tensor.load_state_dict(number.state_dict())
    assert tensor.param_groups[0]["lr"] is rate
    assert float(rate) == 0.5
    number.load_state_dict(saved)
    assert number.param_groups[0]["lr"] == 0.25
    assert isinstance(number.param_groups[0]["lr"], float)


def test_a_state_in_another_layout_goes_on():
    weight = torch.randn(8, 3, 3, 3).contiguous(memory_format=torch.channels_last)
    goes_on(nn.Parameter(weight), "average", Tensor.contiguous)
