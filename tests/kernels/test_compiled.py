"""Compiling, keeping and doing without."""

import logging
import os
from pathlib import Path

import pytest
import torch

from stylenet.kernels import compiled
from stylenet.vgg import VGG

build = compiled.library.__wrapped__

needs_compiler = pytest.mark.skipif(
    compiled.library() is None, reason="no C compiler here, or not its processor"
)


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "kernels"


@needs_compiler
def test_it_compiles_once(kept: Path):
    assert build() is not None
    (library,) = kept.iterdir()
    written = library.stat().st_mtime_ns
    assert build() is not None
    assert [*kept.iterdir()] == [library]
    assert library.stat().st_mtime_ns == written


@needs_compiler
def test_a_damaged_file_is_made_anew(kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    build()
    (library,) = kept.iterdir()
    monkeypatch.setenv("STYLENET_CACHE", str(tmp_path / "another"))  # one path is loaded but once
    damaged = tmp_path / "another" / "kernels" / library.name
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(b"\x7fELF, but cut")
    assert build() is not None
    assert damaged.stat().st_size == library.stat().st_size


@needs_compiler
def test_a_cache_that_cannot_be_written_is_none(kept: Path):
    kept.parent.mkdir()
    kept.write_text("a file where the folder should be")
    assert build() is not None


@pytest.mark.parametrize(
    ("compiler", "words"), [("no-such-cc", "install gcc"), ("false", "cannot")]
)
def test_without_a_compiler_a_warning_says_so_and_torch_does_the_work(
    compiler: str, words: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    image = torch.rand(1, 3, 40, 56)
    fast = VGG(["relu1_2", "relu3_1"])(image)
    monkeypatch.setenv("CC", compiler)
    with caplog.at_level(logging.WARNING):
        library = build()
    assert library is None
    if torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512") and os.name == "posix":
        assert words in caplog.text
    monkeypatch.setattr(compiled, "library", lambda: None)
    for name, plain in VGG(["relu1_2", "relu3_1"])(image).items():
        torch.testing.assert_close(fast[name], plain, rtol=1e-4, atol=1e-4)
