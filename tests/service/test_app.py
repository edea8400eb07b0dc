"""The service's addresses: results, limits, hostile bodies, health and metrics."""

import io
import logging
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import numpy as np
import pytest
from gate import Gate
from PIL import Image
from starlette.testclient import TestClient

from stylenet.pictures.images import read_picture
from stylenet.runtime import MixtureSession, Postprocess, Stylizer
from stylenet.runtime.session import Session
from stylenet.service import desk
from stylenet.service.app import app_for
from stylenet.service.catalogue import opened_models
from stylenet.service.desk import Limits

WAVE = "/v1/models/wave/stylize"
TWO = "/v1/models/two/stylize"
Serve = Callable[[Limits], TestClient]


@pytest.fixture
def serve(wave: Path, two: Path) -> Iterator[Serve]:
    """Start the service, which ends when its clients have left."""
    clients: list[TestClient] = []

    def serve(limits: Limits) -> TestClient:
        app = app_for(opened_models([(None, wave), (None, two)]), limits)
        clients.append(TestClient(app, raise_server_exceptions=False).__enter__())
        return clients[-1]

    yield serve
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture
def client(serve: Serve) -> TestClient:
    return serve(Limits())


@pytest.fixture
def photo(picture: np.ndarray) -> bytes:
    return file(picture)


def file(pixels: np.ndarray, kind: str = "PNG", **options) -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, format=kind, **options)
    return content.getvalue()


def pixels(answer: httpx2.Response) -> np.ndarray:
    assert answer.status_code == 200, answer.text
    return read_picture(io.BytesIO(answer.content)).rgb


def problem(answer: httpx2.Response, status: int) -> str:
    """The one line that tells what is wrong."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["status"] == status
    assert told["title"]
    assert "\n" not in told["detail"]
    return told["detail"]


def measured(client: TestClient, line: str) -> float:
    """A figure of /metrics."""
    [found] = re.findall(rf"^{re.escape(line)} (\S+)$", client.get("/metrics").text, re.MULTILINE)
    return float(found)


@pytest.mark.parametrize(
    ("asked", "stylizer"),
    [
        ({}, {}),
        ({"size": 70}, {"size": 70}),
        ({"strength": 0.4}, {"postprocess": Postprocess(strength=0.4)}),
        ({"preserve_color": True}, {"postprocess": Postprocess(preserve_color=True)}),
        ({"stroke_scale": 2}, {"stroke_scale": 2.0}),
    ],
    ids=str,
)
def test_a_result_is_that_of_the_stylizer(client, wave, photo, asked: dict, stylizer: dict):
    answer = client.post(WAVE, content=photo, params=asked)
    expected = Stylizer(wave, **stylizer)(photo).rgb
    assert np.array_equal(pixels(answer), expected)


def test_styles_mix_by_their_shares(client: TestClient, two: Path, photo: bytes):
    for asked in ([("udnie", 1.0)], [("udnie", 2.0), ("mine", 1.0)]):
        params = {"style": [f"{style}:{share:g}" for style, share in asked]}
        answer = client.post(TWO, content=photo, params=params)
        assert np.array_equal(pixels(answer), Stylizer(MixtureSession(two, asked))(photo).rgb)
    assert "udnie, mine" in problem(client.post(TWO, content=photo), 422)
    assert "munch" in problem(client.post(TWO, content=photo, params={"style": "munch"}), 422)
    told = problem(client.post(WAVE, content=photo, params={"style": "udnie"}), 422)
    assert told == "wave has learnt one style; leave out style"


def test_turned_and_transparent_photos_are_as_a_viewer_shows_them(
    client: TestClient, wave: Path, picture: np.ndarray
):
    turned = Image.Exif()
    turned[0x0112] = 6
    photo = file(np.ascontiguousarray(np.rot90(picture)), exif=turned)
    assert np.array_equal(pixels(client.post(WAVE, content=photo)), Stylizer(wave)(picture).rgb)
    alpha = np.full((*picture.shape[:2], 1), 120, np.uint8)
    answer = client.post(WAVE, content=file(np.concatenate([picture, alpha], 2), "WEBP"))
    assert answer.headers["content-type"] == "image/webp"
    assert (read_picture(io.BytesIO(answer.content)).alpha == 120).all()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_the_answer_has_the_format_of_the_photo_or_that_which_is_accepted(
    client: TestClient, picture: np.ndarray, kind: str
):
    photo, media = file(picture, kind), f"image/{kind.lower()}"
    answer = client.post(WAVE, content=photo)
    assert answer.headers["content-type"] == media
    assert Image.open(io.BytesIO(answer.content)).format == kind
    answer = client.post(WAVE, content=file(picture), headers={"Accept": media})
    assert Image.open(io.BytesIO(answer.content)).format == kind
    steps = re.findall(r"(\w+);dur=[\d.]+", answer.headers["server-timing"])
    assert steps == ["decode", "wait", "net", "encode", "total"]
    told = problem(client.post(WAVE, content=photo, headers={"Accept": "text/html"}), 406)
    assert "image/png" in told


def test_what_arrives_together_gets_each_its_own(
    gate: Gate, serve: Serve, wave: Path, picture: np.ndarray
):
    gate.open.set()
    client = serve(Limits(batch=4))
    crops = [picture[: 40 + 8 * (n % 3), n : n + 64].copy() for n in range(24)]
    expected = [Stylizer(wave)(crop).rgb for crop in crops]
    gate.open.clear()
    gate.began.clear()
    with ThreadPoolExecutor(len(crops)) as threads:
        waiting = [threads.submit(client.post, WAVE, content=file(crop)) for crop in crops]
        assert gate.began.wait(10)
        while client.get("/health").json()["photos_in_service"]["wave"] < len(crops):
            pass
        gate.open.set()
        answers = [each.result() for each in waiting]
    for answer, wanted in zip(answers, expected, strict=True):
        assert np.abs(pixels(answer).astype(int) - wanted).max() <= 1
    assert measured(client, 'stylenet_net_pictures_sum{model="wave"}') == len(crops)
    assert measured(client, 'stylenet_net_pictures_count{model="wave"}') < len(crops)


def bomb() -> bytes:
    """A PNG of a few hundred bytes that says it has 400 megapixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 20000, 20000, 8, 2, 0, 0, 0)
    content = zlib.compress(bytes(100_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", content)


def test_hostile_bodies_are_refused_and_the_service_goes_on(
    client: TestClient, picture: np.ndarray, photo: bytes
):
    jpeg = file(picture, "JPEG")
    for body, status, said in (
        (b"", 422, "no picture"),
        (b"<svg/>", 422, "no picture"),
        (jpeg[: len(jpeg) // 2], 422, "damaged"),
        (bomb(), 413, "too large to decode safely"),
        (file(np.zeros((2500, 2000), np.uint8)), 413, "5.0 megapixels"),
        (file(picture[:1, :1]), 422, "1x1"),
        (file(picture[:20]), 422, "32x32"),
        (jpeg[:200] + bytes(2000), 422, ""),
    ):
        assert said in problem(client.post(WAVE, content=body), status)
        assert client.post(WAVE, content=photo).status_code == 200
    told = problem(client.post(WAVE, files={"photo": photo}), 415)
    assert told.startswith("the body is a form")
    assert measured(client, 'stylenet_answers_total{model="wave",status="422"}') == 6
    assert measured(client, 'stylenet_answers_total{model="wave",status="413"}') == 2


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"size": 31}, "size: "),
        ({"size": "large"}, "size: "),
        ({"strength": 1.5}, "strength: "),
        ({"strength": "nan"}, "strength: "),
        ({"stroke_scale": 0}, "stroke_scale: "),
        ({"strenght": 1}, "strenght: "),
    ],
)
def test_a_setting_that_does_not_suit_is_named(client, photo, asked: dict, said: str):
    assert said in problem(client.post(WAVE, content=photo, params=asked), 422)


def test_too_many_pixels_are_refused_with_the_size_that_fits(serve: Serve, photo: bytes):
    client = serve(Limits(pixels=128 * 96))
    assert client.post(WAVE, content=photo).status_code == 200
    for asked in ({"size": 16383}, {"stroke_scale": 0.5}):
        told = problem(client.post(WAVE, content=photo, params=asked), 413)
        fits = int(re.search(r"give size=(\d+) or less", told)[1])
        assert client.post(WAVE, content=photo, params=asked | {"size": fits}).is_success
        problem(client.post(WAVE, content=photo, params=asked | {"size": fits + 2}), 413)
    told = problem(client.post(WAVE, content=photo, params={"stroke_scale": 0.125}), 413)
    assert told.endswith("no size fits; give larger strokes")


def test_too_many_bytes_are_refused_whether_announced_or_not(serve: Serve, photo: bytes):
    client = serve(Limits(bytes=len(photo)))
    assert client.post(WAVE, content=photo).status_code == 200
    more = photo + b"x"
    for content in (more, iter([more[:100], more[100:]])):
        assert f"{len(photo):,} bytes" in problem(client.post(WAVE, content=content), 413)


def test_names_that_are_none_are_told_which_are(client: TestClient, photo: bytes):
    told = problem(client.post("/v1/models/%0Anope/stylize", content=photo), 404)
    assert told == "there is no model '\\nnope'; the models are wave, two"
    assert "see /docs" in problem(client.get("/nowhere"), 404)
    assert "see /docs" in problem(client.get(WAVE), 405)
    assert "nope" not in client.get("/metrics").text


def test_a_photo_that_takes_too_long_is_given_up(gate: Gate, serve: Serve, photo: bytes):
    gate.open.set()
    client = serve(Limits(seconds=0.5))
    gate.open.clear()
    gate.shapes.clear()
    assert "took too long" in problem(client.post(WAVE, content=photo), 504)
    assert "took too long" in problem(client.post(WAVE, content=photo), 504)
    gate.open.set()
    assert client.post(WAVE, content=photo).status_code == 200
    assert len(gate.shapes) == 2  # the second was given up before its run
    assert measured(client, 'stylenet_photos_in_service{model="wave"}') == 0


def test_a_full_queue_sends_clients_away(
    gate: Gate, serve: Serve, photo: bytes, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(desk, "QUEUE", 3)
    gate.open.set()
    client = serve(Limits())
    assert client.get("/health").json() == {
        "live": True,
        "ready": True,
        "photos_in_service": {"wave": 0, "two": 0},
    }
    gate.open.clear()
    with ThreadPoolExecutor(3) as threads:
        waiting = [threads.submit(client.post, WAVE, content=photo) for _ in range(3)]
        while client.get("/health").status_code == 200:
            pass
        health = client.get("/health")
        assert health.status_code == 503
        assert health.json()["photos_in_service"] == {"wave": 3, "two": 0}
        answer = client.post(WAVE, content=photo)
        assert "3 photos are waiting for wave" in problem(answer, 503)
        assert int(answer.headers["retry-after"]) > 0
        gate.open.set()
        assert [each.result().status_code for each in waiting] == [200] * 3
    assert client.get("/health").json()["ready"] is True


def test_a_fault_inside_is_logged_and_the_service_goes_on(
    client: TestClient,
    photo: bytes,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    def broken(session: Session, rgb: np.ndarray) -> np.ndarray:
        raise ZeroDivisionError("the reason")

    with monkeypatch.context() as patch, caplog.at_level(logging.ERROR):
        patch.setattr(Session, "batch", broken)
        told = problem(client.post(WAVE, content=photo), 500)
    assert told == "the service failed on this photo; its log tells why"
    [record] = caplog.records
    assert record.getMessage() == "wave failed on a photo"
    assert record.exc_info
    assert "the reason" in str(record.exc_info[1])
    assert client.post(WAVE, content=photo).status_code == 200
    assert measured(client, 'stylenet_answers_total{model="wave",status="500"}') == 1


def test_the_models_tell_what_they_are(client: TestClient):
    one, several = client.get("/v1/models").json()
    assert (one["name"], one["styles"], one["mixes_styles"]) == ("wave", ["waves"], False)
    assert (several["name"], several["styles"]) == ("two", ["udnie", "mine"])
    assert several["inputs"] == ["image", "style_weights"]
    assert "VGG-19" in one["licence"]


def test_metrics_count_photos_runs_and_pixels(client: TestClient, photo: bytes):
    for _ in range(3):
        client.post(WAVE, content=photo)
    assert measured(client, 'stylenet_answers_total{model="wave",status="200"}') == 3
    assert measured(client, 'stylenet_pixels_total{model="wave"}') == 3 * 96 * 128
    assert measured(client, 'stylenet_answer_seconds_count{model="wave"}') == 3
    assert measured(client, "process_resident_memory_bytes") > 1e6


def test_the_page_needs_no_other_host(client: TestClient):
    page = client.get("/docs").text
    links = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert links
    assert all(link.startswith("/") and client.get(link).is_success for link in links)
    described = client.get("/openapi.json").json()
    stylize = described["paths"]["/v1/models/{name}/stylize"]["post"]
    assert set(stylize["responses"]["200"]["content"]) == {"image/png", "image/jpeg", "image/webp"}
    named = {parameter["name"] for parameter in stylize["parameters"]}
    assert named == {"name", "size", "strength", "stroke_scale", "preserve_color", "style"}
