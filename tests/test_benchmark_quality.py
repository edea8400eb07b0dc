"""The yardstick itself: which L-BFGS iteration a loss equals."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parent.parent / "scripts" / "benchmark_quality.py"


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_quality", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("loss", "iteration"), [(9.0, 0), (8.0, 0), (6.0, 0.5), (4.0, 1), (1.5, 2.5), (0.5, 4)]
)
def test_the_iteration_is_read_off_the_curve(benchmark: ModuleType, loss: float, iteration: float):
    assert benchmark.equalled([8.0, 4.0, 2.0, 1.0], loss) == pytest.approx(iteration)
