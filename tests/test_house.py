"""The order of the rooms, beside what import-linter holds: size, names and the root."""

import re
import tomllib
from collections import Counter
from pathlib import Path

import stylenet
from stylenet.__main__ import COMMANDS

PACKAGE = Path(stylenet.__file__).parent
CONFIG = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
LAYERS = CONFIG["tool"]["importlinter"]["contracts"][0]["layers"]


def test_the_root_holds_entry_points_and_little_else():
    entries = {"__init__", "__main__", "api", *COMMANDS}
    assert len({path.stem for path in PACKAGE.glob("*.py")} - entries) <= 5


def test_every_file_fits_in_the_head():
    lengths = {path: len(path.read_text().splitlines()) for path in PACKAGE.rglob("*.py")}
    assert {path for path, length in lengths.items() if length > 300} == set()


def test_no_two_modules_of_a_layer_share_a_name():
    for layer in LAYERS:
        rooms = [PACKAGE / name for name in re.split(r"\s*[|:]\s*", layer)]
        names = Counter(
            path.name for room in rooms for path in room.glob("*.py") if path.stem != "__init__"
        )
        assert [name for name, count in names.items() if count > 1] == []
