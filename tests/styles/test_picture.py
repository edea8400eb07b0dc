"""Where a style's picture comes from, and what is refused on the way."""

import hashlib
import io
import logging
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import trustme
import yaml
from hydra.utils import instantiate
from PIL import Image

from stylenet.config.compose import FOLDER
from stylenet.styles import known as known_styles
from stylenet.styles.homage import Brush, Plane, Recipe
from stylenet.styles.picture import Style
from stylenet.system import fetching
from stylenet.system.cache_folder import cache_dir
from stylenet.system.errors import UserError

NAMES = ("starry_night", "great_wave", "the_scream", "composition_vii", "udnie")
HOMAGE = Recipe(
    [Plane([("#1c365e", 1), ("#8ec3d1", 1)], repeats=3, bends=[])], Brush(0.05, 0.2, 0.01, 0.05, 0)
)


AUTHORITY = trustme.CA()
"""That these tests trust, and nobody else."""


class Museum:
    """A web server on this machine that shows one picture and counts its visitors.

    moved: where it sends visitors instead.
    """

    def __init__(self, body: bytes, scheme: str = "https") -> None:
        self.body, self.status, self.promised, self.visits = body, 200, len(body), 0
        self.moved: str | None = None
        museum = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                museum.visits += 1
                self.send_response(302 if museum.moved else museum.status)
                if museum.moved:
                    self.send_header("Location", museum.moved)
                self.send_header("Content-Length", str(museum.promised))
                self.end_headers()
                self.wfile.write(museum.body)

            def log_message(self, *args: object) -> None:
                """Keep the test's output clean."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if scheme == "https":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            AUTHORITY.issue_cert("127.0.0.1").configure_cert(context)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"{scheme}://127.0.0.1:{self.server.server_port}/picture.png"

    def __enter__(self) -> "Museum":
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def museum(picture: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> Iterator[Museum]:
    with Museum(png(picture)) as museum:
        yield museum


@pytest.fixture(autouse=True)
def _shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Styles that are shipped are those that `named` makes."""
    monkeypatch.setattr(known_styles, "FOLDER", tmp_path / "conf")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    AUTHORITY.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))


LICENCE = "public domain"


def png(rgb: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "PNG")
    return file.getvalue()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def named(url: str, data: bytes) -> Style:
    """A style that is shipped."""
    file = known_styles.FOLDER / "style" / "night.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump({"url": url, "sha256": sha256(data)}))
    return Style("night", "The Night", "A. Painter", 1889, None, url, sha256(data), HOMAGE, LICENCE)


def refused(style: Style) -> str:
    with pytest.raises(UserError) as caught:
        style.picture()
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.fixture
def file(tmp_path: Path, picture: np.ndarray) -> Path:
    path = tmp_path / "my cat.png"
    path.write_bytes(png(picture))
    return path


def test_the_original_is_fetched_once_and_then_cached(museum, picture):
    style = named(museum.url, museum.body)
    first, second = style.picture(), style.picture()
    assert museum.visits == 1
    assert (first.origin, second.origin) == ("download", "cache")
    assert np.array_equal(first.rgb, picture)
    assert np.array_equal(second.rgb, picture)
    assert first.credit == second.credit == "The Night, A. Painter, 1889, public domain"
    assert (cache_dir() / "styles" / "night.png").read_bytes() == museum.body


def test_the_note_is_plain_text_about_the_picture(museum):
    assert named(museum.url, museum.body).picture().note() == {
        "name": "night",
        "origin": "download",
        "sha256": sha256(museum.body),
        "credit": "The Night, A. Painter, 1889, public domain",
        "licence": "public domain",
    }


def test_a_download_with_a_wrong_sum_is_refused_and_not_kept(museum):
    message = refused(named(museum.url, b"the original"))
    assert museum.url in message
    assert "style.image=PATH" in message
    assert not list(cache_dir().rglob("*.*"))


@pytest.mark.parametrize("damage", [b"", b"\x89PNG half a file"])
def test_a_damaged_cache_is_refused_by_name(museum, damage):
    style = named(museum.url, museum.body)
    style.picture()
    cached = cache_dir() / "styles" / "night.png"
    cached.write_bytes(damage)
    message = refused(style)
    assert str(cached) in message
    assert "delete it" in message
    cached.unlink()
    assert style.picture().origin == "download"


@pytest.mark.parametrize("body", [b"", b"GIF89a no picture at all", b"<html>sign in</html>"])
def test_what_is_no_picture_is_not_kept(museum, body):
    museum.body, museum.promised = body, len(body)
    assert "picture" in refused(named(museum.url, body))
    assert not list(cache_dir().rglob("*.*"))


@pytest.mark.parametrize(
    "change",
    [
        {"url": "https://127.0.0.1:1/other.png"},
        {"sha256": "0" * 64},
        {"name": "n/../../../.bashrc", "url": "https://127.0.0.1:1/evil.png"},
        {"url": "file:///etc/hostname"},
    ],
)
def test_nothing_but_the_shipped_originals_is_fetched(museum, tmp_path, change):
    style = replace(named(museum.url, museum.body), **change)
    message = refused(style)
    assert "belongs to no shipped style, so it is not fetched; give style.image=PATH" in message
    assert museum.visits == 0
    assert not cache_dir().exists()


def test_a_style_of_another_name_is_kept_under_the_one_it_is_shipped_with(museum, tmp_path):
    style = replace(named(museum.url, museum.body), name="../../mine")
    assert style.picture().name == "../../mine"
    assert list(tmp_path.rglob("*.png")) == [cache_dir() / "styles" / "night.png"]


@pytest.mark.parametrize("address", ["http", "file"])
def test_a_redirect_away_from_https_is_not_followed(museum, picture, caplog, tmp_path, address):
    (tmp_path / "here.png").write_bytes(museum.body)
    with Museum(png(picture), "http") as plain:
        museum.moved = plain.url if address == "http" else (tmp_path / "here.png").as_uri()
        assert_homage(named(museum.url, museum.body), caplog, "not")
        assert plain.visits == 0


def test_a_redirect_within_https_is_followed(museum, picture):
    with Museum(png(picture)) as other:
        museum.moved = other.url
        assert named(museum.url, museum.body).picture().origin == "download"


def test_plain_http_is_never_fetched(picture, caplog):
    with Museum(png(picture), "http") as plain:
        assert_homage(named(plain.url, plain.body), caplog, "not https")
        assert plain.visits == 0


def test_a_body_without_end_is_cut_off(museum, monkeypatch):
    monkeypatch.setattr(fetching, "MOST", 100)
    assert "altered" in refused(named(museum.url, museum.body))


def test_an_unwritable_cache_does_not_stop_the_run(museum, tmp_path, monkeypatch, picture, caplog):
    (tmp_path / "occupied").write_text("a file where the folder should be")
    monkeypatch.setenv("STYLENET_CACHE", str(tmp_path / "occupied"))
    fetched = named(museum.url, museum.body).picture()
    assert fetched.origin == "download"
    assert np.array_equal(fetched.rgb, picture)
    assert "occupied" in caplog.text


def assert_homage(style: Style, caplog: pytest.LogCaptureFixture, why: str) -> None:
    with caplog.at_level(logging.WARNING):
        painted = style.picture()
    assert painted.origin == "homage"
    assert painted.credit == "Homage to The Night, A. Painter, 1889, painted by stylenet"
    assert painted.rgb.shape == (512, 640, 3)
    assert painted.sha256 == sha256(painted.rgb.tobytes())
    (record,) = caplog.records
    assert "training on" not in record.getMessage()  # not all that show a style learn it
    for words in ("night could not be fetched", why, "homage", "style.image=PATH"):
        assert words in record.getMessage()
    assert not cache_dir().exists()


def test_without_a_network_a_homage_stands_in_and_says_so(caplog):
    with socket.socket() as closed:  # bound, not listening: connections are refused
        closed.bind(("127.0.0.1", 0))
        url = f"https://127.0.0.1:{closed.getsockname()[1]}/picture.png"
        assert_homage(named(url, b"the original"), caplog, "Connection refused")


def test_a_silent_server_leads_to_the_homage(caplog, monkeypatch):
    monkeypatch.setattr(fetching, "TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/picture.png"
        assert_homage(named(url, b"the original"), caplog, "timed out")


def test_a_server_error_leads_to_the_homage(museum, caplog):
    museum.status = 404
    assert_homage(named(museum.url, museum.body), caplog, "404")


def test_a_broken_connection_leads_to_the_homage(museum, caplog):
    whole = museum.body
    museum.body = whole[: len(whole) // 2]
    assert_homage(named(museum.url, whole), caplog, "broke")


def test_a_homage_gives_way_to_the_original_once_there_is_a_network(museum):
    style = named(museum.url, museum.body)
    museum.status = 503
    assert style.picture().origin == "homage"
    museum.status = 200
    assert style.picture().origin == "download"


def test_a_custom_picture_is_read_from_its_file(file, picture):
    given = Style("custom", image=str(file)).picture()
    assert np.array_equal(given.rgb, picture)
    assert (given.name, given.origin, given.credit) == ("my cat", "file", str(file))
    assert given.sha256 == sha256(file.read_bytes())


def test_a_custom_sum_is_held_to(file):
    style = Style("custom", image=str(file), sha256=sha256(file.read_bytes()).upper())
    assert style.picture().origin == "file"
    message = refused(replace(style, sha256="0" * 64))
    assert str(file) in message
    assert "style.sha256" in message


def test_custom_without_a_file_says_what_it_needs():
    config = yaml.safe_load((FOLDER / "style" / "custom.yaml").read_text())
    assert refused(instantiate(config)) == "style=custom needs style.image=PATH"


def test_a_file_given_with_a_named_style_is_used_instead_of_fetching(museum, file, picture, caplog):
    given = replace(named(museum.url, b"another scan"), image=str(file)).picture()
    assert museum.visits == 0
    assert np.array_equal(given.rgb, picture)
    assert (given.name, given.origin, given.credit) == ("night", "file", str(file))
    assert "not the pinned picture of night" in caplog.text


def test_the_original_given_as_a_file_raises_no_warning(museum, file, caplog):
    given = replace(named(museum.url, file.read_bytes()), image=str(file)).picture()
    assert given.origin == "file"
    assert not caplog.records


def test_what_is_no_fit_picture_is_refused(tmp_path, file, picture):
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "dot.png").write_bytes(png(picture[:1, :1]))
    (tmp_path / "strip.png").write_bytes(png(picture[:63]))
    (tmp_path / "half.png").write_bytes(file.read_bytes()[:200])
    for name in ("notes.txt", "dot.png", "strip.png", "half.png", "missing.png", ""):
        path = tmp_path / name
        assert str(path) in refused(Style("custom", image=str(path)))


@pytest.mark.parametrize("name", NAMES)
def test_named_styles_are_pinned_and_have_a_homage(name):
    style = instantiate(yaml.safe_load((FOLDER / "style" / f"{name}.yaml").read_text()))
    assert style.name == name
    assert style.url.startswith("https://")
    assert "/813c83441953ead2adb3f65f4cc2d5599d735fa7/" in style.url
    assert len(bytes.fromhex(style.sha256)) == 32
    assert isinstance(style.homage, Recipe)
    assert style.title
    assert style.artist
    assert style.year < 1929
