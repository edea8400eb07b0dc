"""User errors: one line on stderr and exit code 2; any other error passes through."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stylenet.system.errors import UserError, exit_on_user_error, find_user_error, reason


def wrapped(error: Exception) -> Exception:
    """`error` as the cause of a cause, as frameworks raise what a callback raised."""
    try:
        try:
            raise RuntimeError("inner") from error
        except RuntimeError as inner:
            raise ValueError("outer") from inner
    except ValueError as outer:
        return outer


def test_user_error_is_one_line_and_code_2(capsys):
    with pytest.raises(SystemExit) as exit, exit_on_user_error():
        raise UserError("style.jpg is empty; give a picture")
    assert exit.value.code == 2
    assert capsys.readouterr().err == "error: style.jpg is empty; give a picture\n"


def test_wrapped_user_error_speaks_for_itself(capsys):
    with pytest.raises(SystemExit) as exit, exit_on_user_error():
        raise wrapped(UserError("no style; give one"))
    assert exit.value.code == 2
    assert capsys.readouterr().err == "error: no style; give one\n"


def test_a_bug_keeps_its_traceback(capsys):
    with pytest.raises(ValueError, match="outer"), exit_on_user_error():
        raise wrapped(KeyError("bug"))
    assert capsys.readouterr().err == ""


def test_success_and_interrupts_pass_through():
    with exit_on_user_error():
        pass
    with pytest.raises(KeyboardInterrupt), exit_on_user_error():
        raise KeyboardInterrupt


def test_find_user_error():
    error = UserError("x")
    assert find_user_error(error) is error
    assert find_user_error(wrapped(error)) is error
    assert find_user_error(wrapped(ValueError())) is None
    assert find_user_error(None) is None


def test_a_place_without_folders_cannot_be_written_and_a_missing_file_is_a_bug():
    with pytest.raises(FileNotFoundError) as failure:
        Path("/proc/none/run").mkdir(parents=True)
    assert str(find_user_error(wrapped(failure.value))).startswith("cannot write /proc/none")
    with pytest.raises(FileNotFoundError) as failure:
        Path("/proc/none").read_bytes()
    assert find_user_error(failure.value) is None


def test_reason_is_the_words_of_the_system():
    assert reason(OSError(28, "No space left on device", "x.png")) == "No space left on device"
    assert reason(OSError("truncated")) == "truncated"


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_an_interrupt_during_imports_shows_no_traceback():
    process = subprocess.Popen(
        [sys.executable, "-m", "stylenet.train"], stderr=subprocess.PIPE, text=True
    )
    maps = Path(f"/proc/{process.pid}/maps")
    while "libtorch" not in maps.read_text():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert process.communicate()[1] == "interrupted\n"
    assert process.returncode == -signal.SIGINT
