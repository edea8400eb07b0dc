"""The set-up scripts pass on what they are given."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.skipif(
    Path(sys.prefix) != ROOT / ".venv", reason="would install: not run by scripts/test.sh"
)
def test_train_sh_hands_its_overrides_to_training():
    ended = subprocess.run(
        ["scripts/train.sh", "style=udnie", "trainer=cpu", "--cfg", "job"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "name: udnie" in ended.stdout


@pytest.mark.slow
@pytest.mark.parametrize("script", sorted(ROOT.glob("scripts/*.py")), ids=lambda path: path.name)
def test_every_script_finds_what_it_imports(script: Path):
    source = f"import runpy; runpy.run_path({str(script)!r}, run_name='imported')"
    if script.name == "consume_model.py":  # which has no functions: it is read from top to bottom
        pytest.skip("tests/export runs it")
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(script.parent)!r}); {source}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
