"""A page that stylises in the browser: its files, its safety, and its pixels in Chromium."""

import base64
import io
import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import redirect_stdout
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import browser
import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from stylenet.export.__main__ import main as export
from stylenet.export.precision import Export
from stylenet.export.web.page import page_files
from stylenet.export.web.runtime import CDN, HASHES, VERSION, read_runtime
from stylenet.export.web.site import write_site
from stylenet.models.checkpoint import TrainedModel, save_model
from stylenet.nets.adain import AdaIN
from stylenet.nets.johnson import TransformerNet
from stylenet.nets.multistyle import MultiStyleNet
from stylenet.nets.video import RecurrentNet, WindowNet
from stylenet.runtime.mixture import MixtureSession
from stylenet.runtime.model import open_model
from stylenet.runtime.postprocess import Postprocess
from stylenet.runtime.session import Session
from stylenet.system.errors import UserError

INNER = {"_target_": "stylenet.nets.johnson.TransformerNet", "width": 0.125, "blocks": 1}
HOSTILE = "\"'><img src=x onerror=alert(1)>&amp;<b>"


def save_one(path: Path, style: dict[str, Any]) -> None:
    torch.manual_seed(0)
    save_model(path, TransformerNet(width=0.125, blocks=1), {"net": INNER, "style": style})


def save_two(path: Path) -> None:
    torch.manual_seed(0)
    styles = ["udnie", HOSTILE]
    net = MultiStyleNet(TransformerNet(width=0.125, blocks=1), styles)
    for learns in (net.scale, net.shift):
        nn.init.normal_(learns, mean=0.5, std=0.5)
    target = "stylenet.nets.multistyle.MultiStyleNet"
    save_model(path, net, {"net": {"_target_": target, "net": INNER, "styles": styles}})


def package() -> Path | None:
    """The folder of npm's onnxruntime-web: $ONNXRUNTIME_WEB, else of ``npm install -g``.

    None if it is missing or of another version.
    """
    found = os.environ.get("ONNXRUNTIME_WEB", "")
    if not found and (npm := shutil.which("npm")):
        root = subprocess.run([npm, "root", "-g"], capture_output=True, text=True, check=False)
        found = f"{root.stdout.strip()}/onnxruntime-web"
    told = Path(found, "package.json")
    known = told.is_file() and json.loads(told.read_text())["version"] == VERSION
    return Path(found) if known else None


@pytest.fixture(scope="module")
def npm() -> Path:
    """The folder of npm's onnxruntime-web."""
    if (found := package()) is None:
        pytest.skip(f"no onnxruntime-web; npm install -g onnxruntime-web@{VERSION}")
    return found


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pages of a model of one style, in ``one site``, and of two, in ``two``.

    The page of two has the runtime beside it, where npm's package is at hand. ``said`` is what the
    command printed for the page of one.
    """
    place = tmp_path_factory.mktemp("web")
    save_one(place / "one.pt", {"name": "x", "title": f"</title>{HOSTILE}"})
    save_two(place / "two.pt")
    with redirect_stdout(io.StringIO()) as said:
        export([str(place / "one.pt"), "--target", "web", "-o", str(place / "one site")])
    (place / "said").write_text(said.getvalue())
    found = package()
    runtime = [] if found is None else ["--runtime", str(found)]
    export([str(place / "two.pt"), "--target", "web", "-o", str(place / "two"), *runtime])
    return place


class Tags(HTMLParser):
    """The tags of a page with their attributes, and its text."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(page.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_page_has_all_it_refers_to_and_an_exported_model(sites: Path):
    for name in ("one site", "two"):
        tags = Tags(sites / name / "index.html").tags
        refers = [told.get("src") or told.get("href") for _, told in tags]
        local = {each for each in refers if each and not each.startswith("data:")}
        files = {path.name for path in (sites / name).iterdir() if path.is_file()}
        assert files == local | {"README.md", "index.html", "worker.js", "model.onnx"}
    assert Session(sites / "one site" / "model.onnx").model.io == "bytes"


def test_names_in_a_model_stay_text(sites: Path):
    one, two = (Tags(sites / name / "index.html") for name in ("one site", "two"))
    assert f"Photos in the style of </title>{HOSTILE}" in one.text
    assert {"Udnie", HOSTILE} <= set(two.text)
    for page in (one, two):
        assert not {"img", "b"} & {tag for tag, _ in page.tags}
        assert not [key for _, told in page.tags for key in told if key.startswith("on")]


def test_no_script_but_the_pages_own_may_run(sites: Path):
    tags = Tags(sites / "one site" / "index.html").tags
    [policy] = [str(told["content"]) for _, told in tags if "http-equiv" in told]
    rules = {rule.split()[0]: rule.split()[1:] for rule in policy.split(";")}
    assert rules["default-src"] == ["'none'"]
    assert rules["script-src"] == ["'self'", "blob:", "'wasm-unsafe-eval'"]
    assert rules["connect-src"] == ["'self'", CDN]
    inline = [told for tag, told in tags if tag == "script" and "src" not in told]
    assert [told["type"] for told in inline] == ["application/json"]


def settings(page: Path) -> dict[str, Any]:
    found = re.search(
        r'<script type="application/json" id="settings">(.*?)</script>', page.read_text()
    )
    assert found
    return dict(json.loads(found[1]))


def test_every_file_off_the_cdn_has_a_hash(sites: Path):
    told = settings(sites / "one site" / "index.html")
    assert told["runtime"] == f"https://cdn.jsdelivr.net/npm/onnxruntime-web@{VERSION}/dist/"
    assert {name for build in told["builds"].values() for name in build} == set(told["hashes"])
    assert all(re.fullmatch(r"sha384-[\w+/]{64}", value) for value in told["hashes"].values())


def test_the_command_ends_with_the_command_that_shows_the_page(sites: Path):
    out = sites / "one site"
    last = (sites / "said").read_text().splitlines()[-1]
    assert last.startswith(f"  python -m http.server -d '{out}' ")


def test_a_copied_runtime_needs_no_cdn(sites: Path, npm: Path):
    page = sites / "two" / "index.html"
    assert settings(page)["runtime"] == "runtime/"
    assert "https:" not in page.read_text()
    assert {path.name for path in (sites / "two" / "runtime").iterdir()} == set(HASHES)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--precision", "int8"], "leave out --io, --precision, --for and --photos"),
        (["--io", "float"], "leave out --io, --precision, --for and --photos"),
        (["--runtime", "nowhere"], "nowhere/ort.webgpu.bundle.min.mjs (No such file or directory)"),
        (["-o", "page.onnx"], "page.onnx is a file"),
        (["--target", "onnx", "--runtime", "nowhere"], "add --target web"),
        (["--style", "udnie"], "has not learnt several styles"),
    ],
)
def test_what_does_not_go_together_is_refused(
    sites: Path,
    tmp_path: Path,
    options: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        export([str(sites / "one.pt"), "--target", "web", "-o", "site", *options])
    assert end.value.code == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("net", "kind"),
    [
        (RecurrentNet(width=0.1, blocks=0), "clips"),
        (WindowNet(width=0.1, blocks=0), "clips"),
        (AdaIN(width=0.05), "any style"),
    ],
)
def test_models_for_clips_and_for_any_style_are_refused(net: nn.Module, kind: str, tmp_path: Path):
    with pytest.raises(UserError, match=f"not for {kind}"):
        write_site(tmp_path / "site", TrainedModel(net, {}), Export(), None)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["index.html", "page.css", "model.onnx", "model.pt"])
def test_files_of_the_users_are_not_replaced(
    name: str, sites: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / name).write_text("<h1>My cats</h1>")
    with pytest.raises(SystemExit):
        export([str(sites / "one.pt"), "--target", "web", "-o", str(tmp_path)])
    assert "folder" in (told := capsys.readouterr().err)
    assert told.count("error: ") == 1
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "<h1>My cats</h1>"


def test_files_of_another_version_are_refused(tmp_path: Path):
    for name in HASHES:
        (tmp_path / name).write_bytes(b"altered")
    with pytest.raises(UserError, match=f"is not of onnxruntime-web {re.escape(VERSION)}"):
        read_runtime(tmp_path)


def test_the_hashes_are_those_of_the_package(npm: Path):
    files = read_runtime(npm)
    assert set(files) == set(HASHES)
    assert read_runtime(npm / "dist") == files


@pytest.fixture(scope="module")
def two(sites: Path, npm: Path) -> Path:
    """The page of two styles, with the runtime beside it, for a browser."""
    if browser.CHROMIUM is None:
        pytest.skip("no chromium; apt-get install chromium")
    return sites / "two"


@pytest.fixture(scope="module")
def one(sites: Path, two: Path) -> Path:
    """The page of one style, with the runtime beside it."""
    folder = sites / "one"
    shutil.copytree(two / "runtime", folder / "runtime")
    shutil.copy(sites / "one site" / "model.onnx", folder)
    for name, content in page_files(open_model(folder / "model.onnx"), copied=True).items():
        (folder / name).write_bytes(content)
    return folder


TOOLS = """
const found = (selector) => document.querySelector(selector);
const until = async (holds) => {
  while (!holds()) {
    if (found("#status.problem")) throw new Error(found("#status").textContent);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};
const idle = () => until(() => !found("canvas").hidden && found(".stage").ariaBusy === "false");
const slide = (id, value) => {
  found(id).value = value;
  found(id).dispatchEvent(new Event("input"));
};
const shot = () => found("canvas").toDataURL("image/png");
const post = (told) => fetch("told", { method: "POST", body: JSON.stringify(told) });
async function photos() {
  const transfer = new DataTransfer();
  transfer.items.add(new File([await (await fetch("photo.png")).blob()], "photo.png"));
  return transfer;
}
"""

ONE = """
async function run() {
  found("#file").files = (await photos()).files; // before the model is there
  found("#file").dispatchEvent(new Event("change"));
  await idle();
  const told = { full: shot(), backend: found("#backend").textContent };
  told.speed = found("#speed").textContent;
  slide("#strength", 40);
  told.part = shot();
  found("#camera").click();
  await until(() => found("canvas").width === 512);
  found("#camera").click();
  told.camera = found("#camera").textContent;
  await idle();
  told.wide = document.documentElement.scrollWidth > innerWidth;
  return told;
}
run().then(post, (error) => post({ error: String(error) }));
"""

TWO = """
async function run() {
  await until(() => found("#backend").textContent);
  dispatchEvent(new DragEvent("drop", { dataTransfer: await photos() }));
  await idle();
  slide("#style-0", 30);
  slide("#style-1", 60);
  await idle();
  slide("#strength", 70);
  const told = { mixed: shot(), backend: found("#backend").textContent };
  told.labels = [...document.querySelectorAll("fieldset label, output")].map((e) => e.textContent);
  slide("#style-0", 0);
  slide("#style-1", 0);
  await idle();
  return { ...told, photo: shot() };
}
run().then(post, (error) => post({ error: String(error) }));
"""

FAKE_CAMERA = (
    "--disable-gpu",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
)


def seen(
    site: Path, place: Path, rgb: np.ndarray, script: str, *options: str, **files: bytes
) -> Mapping[str, Any]:
    """What the page posts, the model's pictures as arrays."""
    photo = io.BytesIO()
    Image.fromarray(rgb).save(photo, "PNG")
    served = {"photo.png": photo.getvalue(), **files}
    told = browser.probe(site, place, TOOLS + script, served, *options)
    return {key: pixels(value) if shows(value) else value for key, value in told.items()}


def shows(value: object) -> bool:
    return isinstance(value, str) and value.startswith("data:image/png")


def pixels(url: str) -> np.ndarray:
    data = base64.b64decode(url.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def off(pixels: np.ndarray, expected: np.ndarray) -> int:
    return int(abs(pixels.astype(int) - expected).max())


def test_in_a_browser_one_style_is_as_in_python(one: Path, tmp_path: Path, picture: np.ndarray):
    told = seen(one, tmp_path, picture, ONE, *FAKE_CAMERA)
    assert "error" not in told, told
    full = Session(one / "model.onnx")(picture)
    assert off(full, picture) > 50
    assert off(told["full"], full) <= 2
    assert off(told["part"], Postprocess(strength=0.4)(picture, full)) <= 2
    assert told["backend"] == "WebAssembly on 1 thread"
    assert re.fullmatch(r"128 . 96 in \d+ ms", told["speed"])
    assert (told["camera"], told["wide"]) == ("Camera", False)
    assert [line for line in told["log"] if "No available adapters" not in line] == []


def mixture(two: Path, rgb: np.ndarray) -> np.ndarray:
    """What the page is to show for `TWO`."""
    mixed = MixtureSession(two / "model.onnx", [("udnie", 30), (HOSTILE, 60)])(rgb)
    return Postprocess(strength=0.7)(rgb, mixed)


def test_in_a_browser_a_mixture_is_as_in_python(two: Path, tmp_path: Path, picture: np.ndarray):
    told = seen(two, tmp_path, picture, TWO)
    assert "error" not in told, told
    assert off(told["mixed"], mixture(two, picture)) <= 2
    assert told["labels"] == ["Udnie", "33 %", HOSTILE, "67 %", "70 %"]
    assert off(told["photo"], picture) == 0
    assert [line for line in told["log"] if "No available adapters" not in line] == []


@pytest.mark.slow
def test_in_a_browser_webgpu_is_as_in_python(two: Path, tmp_path: Path, picture: np.ndarray):
    """On a processor that plays a graphics card, which the page itself would pass over."""
    worker = (two / "worker.js").read_text()
    willing = worker.replace("!adapter.info?.isFallbackAdapter", "true")
    assert willing != worker
    card = ("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader")
    rgb = picture[:48, :40]
    told = seen(two, tmp_path, rgb, TWO, *card, **{"worker.js": willing.encode()})
    assert "error" not in told, told
    if told["backend"] != "WebGPU":
        pytest.skip("this Chromium has no software adapter")
    assert off(told["mixed"], mixture(two, rgb)) <= 2


def test_in_a_browser_an_altered_runtime_is_not_run(one: Path, tmp_path: Path):
    script = """
    const run = () => until(() => false);
    run().catch((error) => post({ error: error.message }));
    """
    name = "runtime/ort.wasm.bundle.min.mjs"
    altered = (one / name).read_bytes() + b"\n"
    told = browser.probe(one, tmp_path, TOOLS + script, {name: altered})
    assert f"{name} cannot be fetched, or is another file" in told["error"]
