"""How messages call stylenet: as the user's shell finds it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stylenet.system.program import program


def test_the_name_is_told_where_the_shell_finds_it(tmp_path: Path, monkeypatch):
    script = tmp_path / "stylenet"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert program() == "stylenet"


def test_else_python_is_called_by_a_path_that_works_from_here(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    done = subprocess.run(f"{program()} --version", shell=True, capture_output=True, check=True)
    assert done.stdout.startswith(b"stylenet ")
    (tmp_path / "my env").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "my env" / "python"))
    assert program() == "'my env/python' -m stylenet"


@pytest.fixture(autouse=True)
def _path_of_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
