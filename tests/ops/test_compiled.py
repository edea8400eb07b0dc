"""Compiling, keeping and doing without."""

import ctypes
import logging
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from stylenet.ops.cpu import compiled, compiler
from stylenet.ops.cpu.loading import PROTOTYPES, load
from stylenet.vgg import VGG

build = compiled.library.__wrapped__

needs_compiler = pytest.mark.skipif(
    compiled.library() is None, reason="no C compiler here, or not its processor"
)


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "kernels"


@pytest.fixture(scope="module")
def code() -> bytes:
    """The kernels' machine code."""
    return compiler.compile_kernels(compiler.find_compiler())


@needs_compiler
def test_it_compiles_once(
    kept: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    assert build() is not None
    monkeypatch.setattr(compiler, "compile_kernels", None)
    assert build() is not None
    assert sorted(path.suffix for path in kept.iterdir()) == [".sha256", ".so"]
    assert not caplog.records


@needs_compiler
def test_a_damaged_file_is_made_anew_with_one_warning_that_names_it(
    kept: Path, caplog: pytest.LogCaptureFixture
):
    build()
    (library,) = kept.glob("*.so")
    whole = library.read_bytes()
    library.write_bytes(whole[: len(whole) // 2] + bytes(len(whole) // 2))
    assert build().stylenet_panel() in (32, 64)
    (warning,) = caplog.messages
    assert warning == f"{library} is damaged; the kernels are compiled again"
    assert library.read_bytes() == whole


@needs_compiler
def test_what_is_loaded_does_not_hang_on_the_file(kept: Path):
    """A library that is mapped from a file ends the process by a signal once the file is cut."""
    build()
    (file,) = kept.glob("*.so")
    library = build()
    file.write_bytes(b"")
    assert library.stylenet_panel() in (32, 64)
    assert library.stylenet_has_halves() in (0, 1)


@needs_compiler
def test_a_cache_that_cannot_be_written_is_none(kept: Path):
    kept.parent.mkdir()
    kept.write_text("a file where the folder should be")
    assert build() is not None


@needs_compiler
def test_every_function_of_the_sources_is_declared_as_there():
    """A wrong size of an argument passes garbage, silently."""
    types = {
        "int": ctypes.c_int, "long": ctypes.c_long, "float": ctypes.c_float, "void": None
    }  # fmt: skip
    found = {}
    for source in compiler.SOURCES.glob("*.c"):
        for result, name, arguments in re.findall(
            r"^(\w+) (\w+)\(([^)]*)\) \{", source.read_text(), re.MULTILINE
        ):
            each = [] if arguments == "void" else arguments.split(",")
            found[name] = (
                types[result],
                [ctypes.c_void_p if "*" in one else types[one.split()[0]] for one in each],
            )
    assert found == PROTOTYPES


@needs_compiler
def test_wrong_arguments_are_refused(code: bytes):
    kernels = load(code)
    with pytest.raises(ctypes.ArgumentError):
        kernels.stylenet_filter(None, None, 1.5, 16, 0, 1)
    with pytest.raises(TypeError):  # one is missing
        kernels.stylenet_filter(None, None, 16, 16, 0)


@needs_compiler
def test_another_library_is_refused(code: bytes, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(PROTOTYPES, "stylenet_of_tomorrow", (None, []))
    with pytest.raises(OSError, match="stylenet_of_tomorrow"):
        load(code)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("no-such-cc", "install gcc"),
        ("''", "install gcc"),
        ("/", "install gcc"),
        ("'", "CC is no command"),
        ("false", "cannot"),
        ("true", "No such file"),  # and no result
        ("gcc -fsyntax-only", "No such file"),
        ("gcc -c", "cannot"),  # one result for many sources
        ("sh -c 'echo >&2 out of memory; kill $$'", "out of memory"),
        ("sh -c 'for last; do :; done; echo no code > $last' _", "does not load"),
    ],
)
def test_without_a_compiler_a_warning_says_so(
    command: str,
    words: str,
    kept: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    monkeypatch.setenv("CC", command)
    with caplog.at_level(logging.WARNING):
        assert build() is None
    if torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512") and os.name == "posix":
        (warning,) = caplog.messages
        assert words in warning
        assert "\n" not in warning
    assert not kept.exists()


@needs_compiler
@pytest.mark.parametrize("script", ["sleep {0}", "sleep {0} & sleep {0}", "cat"])
def test_a_compiler_that_does_not_end_is_ended_with_all_that_it_started(
    script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(compiler, "COMPILE_SECONDS", 0.3)
    seconds = f"{100 + os.getpid() / 1e7:.7f}"  # which no other process sleeps
    command = tmp_path / "cc"
    command.write_text(f"#!/bin/sh\n{script.format(seconds)}\n")
    command.chmod(0o755)
    monkeypatch.setenv("CC", str(command))
    start = time.monotonic()
    assert build() is None
    assert time.monotonic() - start < 20
    assert ("took more than" in caplog.text) == (script != "cat")  # which has nothing to read
    shown = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    assert seconds not in shown.stdout


@needs_compiler
def test_a_library_that_ends_the_process_ends_but_its_trial(
    kept: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    deadly = "__attribute__((constructor)) void end(void) { __builtin_trap(); }"
    made = f"for last; do :; done; echo '{deadly}' | gcc -shared -x c -o $last -"
    monkeypatch.setenv("CC", shlex.join(["sh", "-c", made, "cc"]))
    assert build() is None
    assert "does not load" in caplog.text
    assert not kept.exists()


def test_without_kernels_torch_does_the_work(monkeypatch: pytest.MonkeyPatch):
    image = torch.rand(1, 3, 40, 56)
    fast = VGG(["relu1_2", "relu3_1"])(image)
    monkeypatch.setattr(compiled, "library", lambda: None)
    for name, plain in VGG(["relu1_2", "relu3_1"])(image).items():
        torch.testing.assert_close(fast[name], plain, rtol=1e-4, atol=1e-4)


@needs_compiler
def test_kernels_and_torch_share_their_threads():
    """A second OpenMP runtime would bring threads of its own, which wait for each other's."""
    code = (
        "import os, torch\n"
        "from stylenet.ops.cpu.upsample import upsample\n"
        "torch.set_num_threads(2)\n"
        "torch.ones(1 << 22).add_(1)\n"
        "before = len(os.listdir('/proc/self/task'))\n"
        "upsample(torch.ones(1, 16, 64, 64))\n"
        "print(before, len(os.listdir('/proc/self/task')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, after = done.stdout.split()
    assert before == after
