"""The kernels, for this processor and for an older one."""

from collections.abc import Callable
from ctypes import CDLL

import pytest
from torch import Tensor

from stylenet.ops.cpu import compiled, compiler

Error = Callable[[Tensor, Tensor], float]


@pytest.fixture(scope="session")
def older(tmp_path_factory: pytest.TempPathFactory) -> CDLL | None:
    """The kernels for a processor with AVX2, compiled once for all tests."""
    with pytest.MonkeyPatch.context() as patch:
        plain = tuple(flag for flag in compiler.FLAGS if not flag.startswith("-m"))
        patch.setattr(compiler, "FLAGS", (*plain, "-mavx2", "-mfma"))
        patch.setenv("STYLENET_CACHE", str(tmp_path_factory.mktemp("older")))
        return compiled.library.__wrapped__()


@pytest.fixture(params=["this processor", "AVX2"])
def _kernels(
    request: pytest.FixtureRequest, older: CDLL | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if compiled.library() is None:
        pytest.skip("no C compiler here, or not its processor")
    if request.param == "AVX2":
        monkeypatch.setattr(compiled, "library", lambda: older)


@pytest.fixture
def error() -> Error:
    """The root mean square of a difference, relative to that of the expected values."""
    return lambda value, expected: ((value.double() - expected).norm() / expected.norm()).item()
