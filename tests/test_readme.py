"""README: every command in it is one, and every link leads somewhere."""

import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest

from stylenet.__main__ import COMMANDS
from stylenet.config.compose import composed

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [README, ROOT / "stylenet" / "README.md", ROOT / "scripts" / "README.md"]
LONGEST = 250  # lines
PROSE = re.sub(r"```(?:text|python)\n.*?```", "", README.read_text(), flags=re.DOTALL)
"""README without what commands print, and without Python."""


def commands() -> list[list[str]]:
    """The commands of stylenet in README, in its order: in blocks of bash and in line."""
    found = []
    for block, inline in re.findall(r"```bash\n(.*?)```|`(stylenet [^`]+)`", PROSE, re.DOTALL):
        found += (block or inline).splitlines()
    words = [shlex.split(line, comments=True) for line in found]
    return [
        rest for first, *rest in filter(None, words) if first == "stylenet" and rest[0][0] != "-"
    ]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with a run of great_wave to go on with."""
    run = tmp_path / "runs" / "great_wave" / "2026-01-01_00-00-00"
    run.mkdir(parents=True)
    (run / "last.ckpt").write_text("x")
    monkeypatch.chdir(tmp_path)


def parse(name: str, arguments: list[str]) -> None:
    """Parse a command line as the command does; a mistake ends it."""
    if name == "train":
        rest = [word for word in arguments if word not in ("-m", "--help", "--cfg", "job")]
        values = [word.split(",")[0] for word in rest]  # of a sweep, its first run
        composed(["trainer=cpu", *values])
    elif name == "prepare":
        composed(["trainer=cpu", *arguments])
    elif name != "styles":
        made = import_module(f"stylenet.commands.{name}").parser()
        made.parse_intermixed_args(arguments)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_a_command_of_readme_is_understood(words: list[str]):
    name, *arguments = words
    if name != "COMMAND":
        assert name in COMMANDS
        parse(name, arguments)


def test_readme_is_short_and_shows_every_command():
    assert len(README.read_text().splitlines()) <= LONGEST
    assert {name for name, *_ in commands()} - {"COMMAND"} == set(COMMANDS)


def test_the_defaults_of_readme_are_the_shipped_ones():
    rows: dict[str, str] = dict(
        re.findall(r"^\| `([\w.]+)=[^`]*` \| `?([\w.]+)`? \|", README.read_text(), re.MULTILINE)
    )
    config = composed(["trainer=cpu"])
    assert float(rows["loss.style_weight"]) == config.loss.style_weight
    assert float(rows["task.optimizer.lr"]) == config.task.optimizer.lr
    assert composed([f"strokes={rows['strokes']}"]).task.style_size == config.task.style_size


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_every_link_leads_somewhere(page: Path):
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text())
    for link in links:
        if not link.startswith("http"):
            path, _, anchor = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            assert target.exists(), link
            assert not anchor or anchor in anchors(target), link
