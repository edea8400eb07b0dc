"""The kernels, for this processor and for an older one."""

from collections.abc import Callable

import pytest
from torch import Tensor

from stylenet.kernels import compiled

Error = Callable[[Tensor, Tensor], float]


@pytest.fixture(params=["this processor", "AVX2"])
def _kernels(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if compiled.library() is None:
        pytest.skip("no C compiler here, or not its processor")
    if request.param == "AVX2":
        plain = tuple(flag for flag in compiled.FLAGS if not flag.startswith("-m"))
        monkeypatch.setattr(compiled, "FLAGS", (*plain, "-mavx2", "-mfma"))
        library = compiled.library.__wrapped__()
        monkeypatch.setattr(compiled, "library", lambda: library)


@pytest.fixture
def error() -> Error:
    """The root mean square of a difference, relative to that of the expected values."""
    return lambda value, expected: ((value.double() - expected).norm() / expected.norm()).item()
