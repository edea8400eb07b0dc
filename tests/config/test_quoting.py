"""Hydra's grammar: any text comes back from its quoting to the letter, through a shell, too."""

import shlex
import string
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from stylenet.config.quoting import assignment, parsed, quoted_for_shell

NAMES = [
    *("My Photos (2024)", "Käse.jpg", "日本", "a[b]", "[a]", "a,b", "a=b", "a:b", "{a: b}", "a}b"),
    *("a${b}", "a\\${b}", "$HOME", "it's", 'say "hi"', "a'b\"c", "back\\slash", "end\\", "end\\\\"),
    *(
        "",
        " ",
        " a ",
        "null",
        "true",
        "2024",
        "1e3",
        "nan",
        "[",
        "#",
        "a;b",
        "a&b",
        "`id`",
        "\t",
        "é",
    ),
    *("choice(1,2)", "glob(*)", "~", "~a", "!", "a|b", "*", "?"),
]


def value(override: str) -> Any:
    """What Hydra and OmegaConf make of an override's value."""
    read = OverridesParser.create().parse_override(override)
    assert not read.is_sweep_override()
    cfg = OmegaConf.create({"key": read.value()})
    return OmegaConf.to_container(cfg, resolve=True)["key"]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_set_to_the_letter(name: str):
    assert value(assignment("run", name)) == name


@given(st.text(string.printable + "äß日${}\\\"'"))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_any_text_is_set_to_the_letter(name: str):
    assert value(assignment("data.path", name)) == name


def test_plain_names_stay_plain():
    for plain in ("runs/starry_night/2026-01-01_00-00-00", "/a/b.jpg", "C:\\photos", "My Photos"):
        assert assignment("run", plain) == f"run={plain}"


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("~")])
def test_what_is_to_be_typed_passes_a_shell_and_hydra(name: str):
    typed = quoted_for_shell(f"style.image={name}")
    said = subprocess.run(["bash", "-c", f"printf %s {typed}"], capture_output=True, check=True)
    read = value(said.stdout.decode())
    assert read == name or f"[{','.join(map(str, read))}]" == name


def test_only_those_entries_of_a_list_are_quoted_that_need_it():
    typed = quoted_for_shell("net.styles=[udnie,My Picture (1).jpg]")
    assert typed == "'net.styles=[udnie,\"My Picture (1).jpg\"]'"
    assert value(shlex.split(typed)[0]) == ["udnie", "My Picture (1).jpg"]


def test_the_home_folder_is_put_in():
    assert quoted_for_shell("data.path=~/a b(c)") == f"'data.path=\"{Path.home()}/a b(c)\"'"


def test_what_cannot_be_read_is_none():
    assert parsed("data.path=(") is None
    assert parsed("data.path=a").value() == "a"
