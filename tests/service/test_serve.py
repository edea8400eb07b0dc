"""The command: it starts, serves what ``stylenet stylize`` makes, and ends well."""

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylenet.serve import main as serve
from stylenet.stylize import main as stylize

ROOT = Path(__file__).parents[2]


@contextmanager
def started(*arguments: object) -> Iterator[tuple[subprocess.Popen[str], int, str]]:
    """The service on a free port; its process, the port and the next command that it tells."""
    command = [sys.executable, "-m", "stylenet.serve", *map(str, arguments), "--port", "0"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            assert process.stdout is not None
            found = re.search(r"at http://127\.0\.0\.1:(\d+);", process.stdout.readline())
            assert found, process.communicate()
            assert process.stdout.readline() == "Next:\n"
            yield process, int(found[1]), process.stdout.readline().strip()
        finally:
            process.kill()


def posted(port: int, path: str, body: bytes) -> tuple[int, bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", path, body)
    answer = connection.getresponse()
    return answer.status, answer.read()


@pytest.fixture
def photo(picture: np.ndarray, tmp_path: Path) -> Path:
    Image.fromarray(picture).save(tmp_path / "photo.jpg")
    return tmp_path / "photo.jpg"


def test_it_answers_with_the_file_that_stylize_writes(wave: Path, photo: Path, tmp_path: Path):
    out = tmp_path / "out.jpg"
    options = ["--size", "90", "--strength", "0.7"]
    assert stylize([str(photo), "--model", str(wave), "-o", str(out), *options]) == 0
    with started(wave) as (process, port, _):
        path = "/v1/models/wave/stylize?size=90&strength=0.7"
        assert posted(port, path, photo.read_bytes()) == (200, out.read_bytes())
        modules = Path(f"/proc/{process.pid}/maps").read_text()
        assert "onnxruntime" in modules
        assert "libtorch" not in modules
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=30) == ("", "")
        assert process.returncode == 0


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl")
@pytest.mark.parametrize("model", ["wave", "two"])
def test_the_next_command_stylises_a_photo(model: str, photo: Path, request: pytest.FixtureRequest):
    with started(request.getfixturevalue(model)) as (_, _, command):
        words = shlex.split(command.replace("PHOTO.jpg", photo.name))
        subprocess.run([*words, "--fail", "--silent"], cwd=photo.parent, check=True)
    with Image.open(photo) as before, Image.open(photo.parent / "OUT.jpg") as after:
        assert (after.format, after.size) == ("JPEG", before.size)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_photos_in_service_finish(
    wave: Path, picture: np.ndarray, tmp_path: Path, number: signal.Signals
):
    large = tmp_path / "large.png"
    Image.fromarray(np.tile(picture, (10, 10, 1))).save(large)
    found = []
    with started(wave) as (process, port, _):
        path, body = "/v1/models/wave/stylize", large.read_bytes()
        thread = threading.Thread(target=lambda: found.append(posted(port, path, body)))
        thread.start()
        connection = HTTPConnection("127.0.0.1", port)
        while True:
            connection.request("GET", "/health")
            if b'"wave":1' in connection.getresponse().read():
                break
        process.send_signal(number)
        thread.join(60)
        assert process.wait(30) == 0
    [(status, content)] = found
    assert status == 200
    assert content.startswith(b"\x89PNG")


def test_a_client_that_leaves_frees_its_place(wave: Path, picture: np.ndarray, tmp_path: Path):
    Image.fromarray(np.tile(picture, (15, 15, 1))).save(tmp_path / "large.png")
    body = (tmp_path / "large.png").read_bytes()
    with started(wave) as (_, port, _):
        connection = HTTPConnection("127.0.0.1", port)
        leaving = HTTPConnection("127.0.0.1", port)
        leaving.request("POST", "/v1/models/wave/stylize", body)
        waiting: list[bool] = []
        for wanted in (True, False):
            end = time.monotonic() + 20
            while time.monotonic() < end:
                connection.request("GET", "/health")
                waiting.append(b'"wave":1' in connection.getresponse().read())
                if waiting[-1] == wanted:
                    break
            leaving.close()
        connection.request("GET", "/metrics")
        told = connection.getresponse().read().decode()
    assert waiting[-1] is False
    assert 'stylenet_answers_total{model="wave",status="400"} 1.0' in told


def test_the_client_of_the_scripts_gets_a_picture(wave: Path, photo: Path, tmp_path: Path):
    script, out = ROOT / "scripts" / "client.py", tmp_path / "out.png"
    with started(wave) as (_, port, _):
        url = f"http://127.0.0.1:{port}"
        command = [sys.executable, str(script), str(photo), "wave", str(out), url]
        subprocess.run(command, check=True, capture_output=True)
        assert Image.open(out).size == (1024, 768)
        command[3] = "sea"
        told = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (told.returncode, told.stderr) == (
        1,
        "404: there is no model 'sea'; the models are wave\n",
    )


def said(arguments: list[object], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on stderr of a command that fails."""
    with pytest.raises(SystemExit) as ended:
        serve([str(argument) for argument in arguments])
    assert ended.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    [line] = captured.err.splitlines()
    return line


def test_a_port_in_use_is_one_line(wave: Path, capsys: pytest.CaptureFixture[str]):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        line = said([wave, "--port", port], capsys)
    assert line.startswith(f"error: cannot listen at 127.0.0.1, port {port} (Address already in")
    assert line.endswith("choose another --port or --host")
    line = said([wave, "--port", 0, "--host", "nowhere.invalid"], capsys)
    assert line.startswith("error: cannot listen at nowhere.invalid")


def test_two_models_of_one_name_are_one_line(wave: Path, capsys: pytest.CaptureFixture[str]):
    line = said([wave, f"wave={wave}", "--port", 0], capsys)
    assert line.startswith(f"error: {wave} and {wave} are both called wave; name one")


@pytest.mark.parametrize("package", ["fastapi", "uvicorn", "prometheus_client", "fastapi_offline"])
def test_a_missing_package_is_one_line_with_the_command(wave: Path, package: str):
    code = f"import sys; sys.modules[{package!r}] = None; from stylenet.serve import main; "
    command = [sys.executable, "-c", f"{code}main([{str(wave)!r}])"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == 2
    assert done.stderr == f"error: serving needs {package}; run pip install 'stylenet[serve]'\n"
