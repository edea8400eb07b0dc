"""Pushing a run, against a stand-in that speaks the needed part of the hub's API right here."""

import base64
import hashlib
import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from stylenet.cards.card import card
from stylenet.cards.card_file import sealed
from stylenet.cards.facts import facts_of
from stylenet.data.samples import SamplePhotos
from stylenet.models.checkpoint import load_model, save_model
from stylenet.nets.johnson import TransformerNet
from stylenet.push import main
from stylenet.styles.known import config_of

constants = pytest.importorskip("huggingface_hub.constants")

TOKEN = "hf_of_ann"
NET = {"_target_": "stylenet.nets.johnson.TransformerNet", "width": 0.1, "blocks": 0}
PREVIEWS = {"photos": None, "previews": SamplePhotos(held_out=True).credit.note()}


class Hub:
    """A hub with the user ann. `repos` holds the files of each repository by name."""

    def __init__(self) -> None:
        self.repos: dict[str, dict[str, bytes]] = {}
        self.private: dict[str, bool] = {}
        self.large: dict[str, bytes] = {}
        self.commits: list[str] = []
        self.forbidden = ""
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                place = f"http://{self.headers['Host']}"
                known = self.headers.get("Authorization") == f"Bearer {TOKEN}"
                found = hub.answer(self.command, self.path.split("?")[0], body, place, known)
                status, answer, headers = found
                data = json.dumps(answer).encode()
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(data))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = _serve  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(
        self, method: str, path: str, body: bytes, place: str, known: bool
    ) -> tuple[int, object, dict[str, str]]:
        if method == "PUT":
            self.large[path.rpartition("/")[2]] = body
            return 200, {}, {}
        if not known:
            return 401, {"error": "Invalid credentials"}, {}
        if self.forbidden and self.forbidden in path:
            return 403, {"error": "Forbidden"}, {}
        if path == "/api/whoami-v2":
            return 200, {"name": "ann", "type": "user"}, {}
        if path == "/api/validate-yaml":
            yaml.safe_load(json.loads(body)["content"].split("---\n")[1])
            return 200, {"errors": [], "warnings": []}, {}
        if path == "/api/repos/create":
            told = json.loads(body)
            name = f"{told['organization']}/{told['name']}"
            self.repos[name] = {".gitattributes": b""}
            self.private[name] = told.get("visibility") == "private" or bool(told.get("private"))
            return 200, {"url": f"{place}/{name}"}, {}
        if path.endswith("/info/lfs/objects/batch"):
            wanted = json.loads(body)["objects"]
            return 200, {"objects": [self._place(place, each) for each in wanted]}, {}
        repo, _, rest = path.removeprefix("/api/models/").partition("/")
        repo, _, rest = f"{repo}/{rest}".replace("/preupload/", "//preupload/").partition("//")
        repo = repo.removesuffix("/commit/main")
        if repo not in self.repos:
            return 404, {"error": "not found"}, {"X-Error-Code": "RepoNotFound"}
        if method == "GET":
            return 200, self._info(repo), {}
        if rest:
            files = json.loads(body)["files"]
            return 200, {"files": [_mode(each["path"]) for each in files]}, {}
        self._commit(repo, body)
        return 200, {"commitUrl": f"{place}/{repo}/commit/1", "commitOid": "1" * 40}, {}

    def _place(self, place: str, wanted: dict) -> dict:
        return {**wanted, "actions": {"upload": {"href": f"{place}/large/{wanted['oid']}"}}}

    def _info(self, repo: str) -> dict:
        files = self.repos[repo]
        text = files.get("README.md", b"").decode()
        told = yaml.safe_load(text.split("---\n")[1]) if text.startswith("---\n") else {}
        return {
            "id": repo,
            "private": self.private[repo],
            "siblings": [{"rfilename": name} for name in files],
            "library_name": told.get("library_name"),
        }

    def _commit(self, repo: str, body: bytes) -> None:
        for line in map(json.loads, body.splitlines()):
            told = line["value"]
            if line["key"] == "header":
                self.commits.append(told["summary"])
            elif line["key"] == "file":
                self.repos[repo][told["path"]] = base64.b64decode(told["content"])
            else:
                self.repos[repo][told["path"]] = self.large[told["oid"]]


def _mode(path: str) -> dict:
    large = path.endswith((".pt", ".png"))
    return {"path": path, "uploadMode": "lfs" if large else "regular", "shouldIgnore": False}


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    made = Hub()
    monkeypatch.setattr(constants, "ENDPOINT", made.address)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield made
    made.server.shutdown()
    made.server.server_close()


def finished(folder: Path, picture: np.ndarray, **note: object) -> Path:
    """A finished run in the style of the user's own picture, whose folders are /home/ann's."""
    run = folder / "runs" / "cat" / "2026-01-01_00-00-00"
    run.mkdir(parents=True)
    encoded = io.BytesIO()
    Image.fromarray(picture).save(encoded, "PNG")
    (run / "style.png").write_bytes(encoded.getvalue())
    sha256 = hashlib.sha256(encoded.getvalue()).hexdigest()
    learnt = {"name": "cat", "origin": "file", "sha256": sha256, "credit": "/home/ann/a b/cat.png"}
    config = {
        "net": NET,
        "run": str(run),
        "init": "/home/ann/runs/x",
        "started_from": "/home/ann/runs/x, a net trained on /home/ann/y.jpg",
        "style": {"name": "cat", "image": "/home/ann/a b/cat.png"},
        "style_picture": learnt | note,
        "data": {"path": "/home/ann/photos"},
        "credits": PREVIEWS,
    }
    save_model(run / "model.pt", TransformerNet(width=0.1, blocks=0), config)
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    (run / "result.yaml").write_text("content: 0.5\n")
    (run / "overrides.yaml").write_text("- style.image=/home/ann/a b/cat.png\n")
    (run / "last.ckpt").write_bytes(b"state")
    Image.fromarray(picture).save(run / "preview.png")
    (run / "README.md").write_bytes(sealed(card(config, facts_of(run))))
    return run


@pytest.fixture
def run(tmp_path: Path, picture: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return finished(tmp_path, picture)


BASE = {".gitattributes", "README.md", "model.pt", "config.yaml", "result.yaml"}


def refused(*arguments: str, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    said = capsys.readouterr().err.splitlines()
    assert ended.value.code == 2
    assert [line.startswith("error: ") for line in said[-1:]] == [True]
    return said[-1]


def test_a_run_arrives_without_the_users_folders(
    run: Path, there: Hub, capsys: pytest.CaptureFixture[str]
):
    main(["cat"])
    said = capsys.readouterr().out.splitlines()
    assert said[-1] == f"{there.address}/ann/stylenet-cat"
    assert "preview.png stays here: the licence of `cat.png` is not known" in said[0]
    assert "style.png stays here" in said[1]
    files = there.repos["ann/stylenet-cat"]
    assert set(files) == BASE
    assert len(there.commits) == 1
    assert not there.private["ann/stylenet-cat"]
    for name, data in files.items():
        assert b"/home/" not in data, name
        assert str(run.parent).encode() not in data, name
    assert yaml.safe_load(files["result.yaml"]) == {"content": 0.5}
    text = files["README.md"].decode()
    assert "hf download ann/stylenet-cat --local-dir stylenet-cat\n" in text
    assert "preview.png" not in text


def test_what_arrives_stylises_as_the_run_does(run: Path, there: Hub, tmp_path: Path):
    main([str(run / "model.pt"), "--to", "ann/mine"])
    (tmp_path / "model.pt").write_bytes(there.repos["ann/mine"]["model.pt"])
    image = torch.rand(1, 3, 40, 40)
    first, second = (load_model(folder) for folder in (run, tmp_path))
    assert torch.equal(first.net(image), second.net(image))
    assert second.config["style_picture"]["sha256"] == first.config["style_picture"]["sha256"]
    assert second.config["style_picture"]["credit"] == "cat.png"
    assert second.config["started_from"] == "x, a net trained on y.jpg"


@pytest.mark.parametrize(
    ("note", "options", "goes"),
    [
        ({"licence": "CC BY 4.0"}, [], {"preview.png", "style.png"}),
        ({"licence": "all rights reserved"}, [], set()),
        ({}, ["--pictures"], {"preview.png", "style.png"}),
        # a shipped original is known by its sum, which style.png does not have
        ({"sha256": config_of("udnie")["sha256"]}, [], {"preview.png"}),
    ],
)
def test_pictures_go_where_their_licence_lets_them(
    note: dict,
    options: list[str],
    goes: set[str],
    tmp_path: Path,
    picture: np.ndarray,
    there: Hub,
    capsys: pytest.CaptureFixture[str],
):
    main([str(finished(tmp_path, picture, **note)), "--to", "ann/cat", *options])
    assert set(there.repos["ann/cat"]) == BASE | goes
    assert ("stays here" in capsys.readouterr().out) is (not goes)


def test_a_second_push_renews_the_first_and_nobody_elses(
    run: Path, there: Hub, capsys: pytest.CaptureFixture[str]
):
    main(["cat", "--private"])
    assert there.private["ann/stylenet-cat"]
    main(["cat", "--private"])
    assert len(there.commits) == 2
    there.repos["ann/thesis"] = {"README.md": b"# Mine", "model.pt": b"mine"}
    there.private["ann/thesis"] = False
    assert "is there, without library_name" in refused("cat", "--to", "ann/thesis", capsys=capsys)
    assert there.repos["ann/thesis"]["README.md"] == b"# Mine"
    there.private["ann/stylenet-cat"] = False
    assert "there and public" in refused("cat", "--private", capsys=capsys)
    assert len(there.commits) == 2


def test_a_card_that_the_user_wrote_goes_as_it_is(
    run: Path, there: Hub, capsys: pytest.CaptureFixture[str]
):
    (run / "README.md").write_bytes(b"---\nlibrary_name: stylenet\n---\nmine")
    main(["cat"])
    assert there.repos["ann/stylenet-cat"]["README.md"].endswith(b"mine")
    assert "README.md is yours; it is uploaded as it is" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("token", "forbidden", "said"),
    [
        (None, "", "you are not logged in to the hub; run hf auth login"),
        ("hf_wrong", "", "the hub does not know your token; run hf auth login"),
        (TOKEN, "repos/create", "you may not write to ann/stylenet-cat"),
        (TOKEN, "preupload", "you may not write to ann/stylenet-cat"),
        (TOKEN, "commit", "you may not write to ann/stylenet-cat"),
    ],
)
def test_a_refusal_is_one_line(
    token: str | None,
    forbidden: str,
    said: str,
    run: Path,
    there: Hub,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    there.forbidden = forbidden
    monkeypatch.setenv("HF_TOKEN", token) if token else monkeypatch.delenv("HF_TOKEN")
    assert said in refused("cat", capsys=capsys)
    assert not there.commits


def test_mistakes_are_one_line(
    run: Path, there: Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    assert "nothing is no finished run" in refused("nothing", capsys=capsys)
    assert "Cannot have -- or .." in refused("cat", "--to", "ann/a--b", capsys=capsys)
    (run / "model.pt").write_bytes(b"PK")
    assert "is no stylenet model, or is damaged" in refused("cat", capsys=capsys)
    (run / "model.pt").unlink()
    assert "is no finished run" in refused(str(run), capsys=capsys)
    assert not there.repos
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    (run / "model.pt").write_bytes(b"PK")
    assert "run pip install 'stylenet[hub]'" in refused("cat", capsys=capsys)


def test_the_real_command_pushes_and_says_where_no_hub_answers(run: Path, there: Hub):
    here = {"HF_ENDPOINT": there.address, "HF_HUB_DISABLE_XET": "1", "HF_TOKEN": TOKEN}
    command = [sys.executable, "-m", "stylenet", "push", "cat"]

    def push(**changed: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | here | changed
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    done = push()
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(f"\n{there.address}/ann/stylenet-cat\n")
    assert done.stderr.count("\n") == 1  # which run is meant
    gone = push(HF_ENDPOINT="http://127.0.0.1:9")
    assert gone.returncode == 2
    assert gone.stderr.endswith("check the network\n")
    assert gone.stderr.count("\n") == 2
