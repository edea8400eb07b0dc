"""Progress bars: what they are about on terminals, nothing in pipes."""

import pytest

from stylenet.system.terminal import progress_bar


def work() -> None:
    with progress_bar() as progress:
        task = progress.add_task("timing [1]", total=4)
        progress.advance(task, 3)
        progress.refresh()


def test_a_bar_tells_what_is_done_and_how_far(monkeypatch: pytest.MonkeyPatch, capsys):
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    work()
    said = capsys.readouterr()
    assert said.out == ""
    assert "timing [1]" in said.err
    assert "3/4" in said.err


def test_a_pipe_gets_nothing(capsys):
    work()
    assert capsys.readouterr() == ("", "")
