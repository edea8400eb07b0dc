"""Shared fixtures: an own cache for every test, and pictures drawn on the spot."""

import signal
from pathlib import Path

import numpy as np
import pytest
import torch

# A shell without job control makes what it starts in the background deaf to Ctrl-C, and so would be
# the programs that tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STYLENET_CACHE", str(tmp_path / "cache"))


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request: pytest.FixtureRequest) -> torch.device:
    """The processor and, where there is one, a GPU."""
    return torch.device(request.param)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the checks on a GPU where there is none."""
    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(pytest.mark.skip(reason="there is no GPU"))


@pytest.fixture
def picture() -> np.ndarray:
    """A drawn picture, uint8 (96, 128, 3): gradients, stripes and a disc."""
    y, x = np.mgrid[:96, :128]
    disc = (x - 80) ** 2 + (y - 40) ** 2 < 25**2
    stripes = 127 + 120 * np.sin(x / 3 + y / 7)
    return np.stack([2 * x, np.where(disc, 250, 2 * y), stripes], -1).astype(np.uint8)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table of the campaign against damage and malice, where it was run."""
    reports = [r for name in ("passed", "failed") for r in terminalreporter.getreports(name)]
    rows = [value for r in reports for key, value in r.user_properties if key == "campaign"]
    if rows:
        terminalreporter.write_sep("=", "campaign")
        terminalreporter.write_line(f"{'kind':24} {'tried':>6} {'right':>6} {'wrong':>6}")
        for kind, tried, right, wrong in sorted(rows):
            terminalreporter.write_line(f"{kind:24} {tried:6} {right:6} {wrong:6}")
