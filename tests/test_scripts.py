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
