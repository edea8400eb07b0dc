"""The command that evaluates models: its reports, their sameness, and what it refuses."""

import hashlib
import io
import json
import re
import shutil
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from phone import pixels_over
from PIL import Image

from stylenet.evaluate import judge_all, main
from stylenet.evaluation.benchmark import Benchmark
from stylenet.evaluation.figures import FIGURES, Figure, flat
from stylenet.evaluation.gallery import Gallery
from stylenet.evaluation.inputs import Suite, coco_wikiart
from stylenet.evaluation.judge import Judge
from stylenet.evaluation.report import to_json, to_markdown, write
from stylenet.evaluation.subjects import open_subject
from stylenet.evaluation.summary import summary
from stylenet.evaluation.webpage import to_html
from stylenet.export.pair import proven_pair
from stylenet.models.checkpoint import load_model, save_model
from stylenet.nets.adain import AdaIN
from stylenet.nets.apply import apply_net
from stylenet.nets.arbitrary import styled
from stylenet.nets.johnson import TransformerNet
from stylenet.nets.multistyle import MultiStyleNet
from stylenet.pixels.yardstick import Curves
from stylenet.system.errors import UserError

NET = {"_target_": "stylenet.nets.johnson.TransformerNet", "width": 0.05, "blocks": 1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run, its style, a peer's net that does nothing, and two photos and styles."""
    folder = tmp_path_factory.mktemp("evaluate")
    rng = np.random.default_rng(0)
    names = ["style.png", "photos/a.png", "photos/more/b|c.png", "styles/d.png", "styles/e.png"]
    for name in names:
        coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        coarse.resize((80, 64), Image.Resampling.BICUBIC).save(folder / name)
    style = {
        "_target_": "stylenet.styles.Style",
        "name": "own",
        "image": str(folder / "style.png"),
    }
    torch.manual_seed(0)
    save_model(
        folder / "model.pt", TransformerNet(width=0.05, blocks=1), {"net": NET, "style": style}
    )
    shape = [1, 3, "h", "w"]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in "xy"]
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])], "net", ends[:1], ends[1:]
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), folder / "peer.onnx")
    (folder / "peer.yaml").write_text("style: style.png\n")
    return folder


@pytest.fixture(scope="module")
def said() -> dict[str, str]:
    """What the evaluation of `reports` prints."""
    return {}


@pytest.fixture(scope="module")
def reports(folder: Path, said: dict[str, str]) -> Path:
    """The reports on the run beside the peer's net, every photo with every style."""
    adapter = ["--adapter", folder / "peer.yaml"]
    suite = ["--content", folder / "photos", "--styles", folder / "styles", "-o", folder / "out"]
    arguments = [folder / "model.pt", folder / "peer.onnx", *adapter, *suite]
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        assert main([*map(str, arguments), "--suite", "coco-wikiart"]) == 0
    said |= {"out": out.getvalue(), "err": err.getvalue()}
    return folder / "out"


@pytest.fixture
def found(reports: Path) -> dict:
    return json.loads((reports / "evaluation.json").read_text())


def test_every_photo_meets_every_style(found):
    for model in found["models"]:
        assert [(pair["photo"], pair["style"]) for pair in model["pairs"]] == [
            ("a.png", "d.png"),
            ("a.png", "e.png"),
            ("more/b|c.png", "d.png"),
            ("more/b|c.png", "e.png"),
        ]


def test_a_net_that_does_nothing_has_the_figures_of_the_photo(found):
    trained, nothing = (model["mean"] for model in found["models"])
    assert nothing["ssim"] == nothing["border"] == 1
    assert nothing["ciede2000"] == nothing["loss"]["content"] == nothing["robustness"]["shift"] == 0
    assert nothing["loss"]["style"] > 0
    assert trained["ssim"] < 0.99
    assert trained["loss"]["content"] > 0.1
    for figures in (trained, nothing):
        assert figures["look"]["content"] == figures["loss"]["content"]
        assert set(figures["grid"]) == {"lines", "peak"}


def test_means_are_of_the_pairs(found):
    for model in found["models"]:
        totals = [pair["loss"]["total"] for pair in model["pairs"]]
        assert model["mean"]["loss"]["total"] == pytest.approx(np.mean(totals), rel=1e-4)


def test_the_manifest_sums_every_input(found, folder, reports):
    manifest = found["manifest"]
    assert manifest == json.loads((reports / "manifest.json").read_text())
    photo = hashlib.sha256((folder / "photos/a.png").read_bytes()).hexdigest()
    assert manifest["photos"][0] == {"name": "a.png", "sha256": photo}
    model = hashlib.sha256((folder / "model.pt").read_bytes()).hexdigest()
    assert manifest["models"][0]["files"] == [{"name": "model.pt", "sha256": model}]
    peer = manifest["models"][1]
    assert [file["name"] for file in peer["files"]] == ["peer.onnx", "peer.yaml"]
    assert [style["name"] for style in peer["styles"]] == ["d.png", "e.png"]


def test_costs_are_known_of_our_nets_and_times_of_all(found):
    ours, peers = (model["cost"] for model in found["models"])
    assert ours["parameters"] > 1000
    assert ours["multiply_adds"]["512"] == 4 * ours["multiply_adds"]["256"]
    assert peers["parameters"] is None
    for times in found["timings"]["models"]:
        assert list(times) == ["256", "512", "1024"]
        for figures in times.values():
            assert 0 < figures["p10_ms"] <= figures["p50_ms"] <= figures["p90_ms"]


def test_what_is_left_out_is_said_in_every_report(found, reports):
    assert set(found["left_out"]) == {"LPIPS", "FID", "ArtFID"}
    for kind in ("md", "html"):
        assert "LPIPS: left out; needs" in (reports / f"evaluation.{kind}").read_text()


def test_the_command_ends_with_a_few_figures_and_where_all_are(reports, said):
    figures, paths = said["out"].split("\n\n")
    assert said["err"] == ""  # no bars in a pipe
    lines = figures.splitlines()
    assert len(lines) <= 10
    assert lines[0].split() == ["model.pt", "peer.onnx"]
    assert re.fullmatch(r"style error +[\d.]+ +[\d.]+  lower is closer to the picture", lines[2])
    assert any(re.match(r"time at 512x512, median, ms +\d", line) for line in lines)
    assert paths.split() == [
        str(reports / name)
        for name in ("evaluation.html", "evaluation.md", "evaluation.json", "manifest.json")
    ]
    assert all(Path(path).is_file() for path in paths.split())


def test_models_of_one_name_are_told_apart_by_their_paths(found):
    models = [
        model | {"name": f"{folder}/model.pt"}
        for folder, model in zip("ab", found["models"], strict=True)
    ]
    head = summary(found | {"models": models}).splitlines()[0]
    assert head.split() == ["a/model.pt", "b/model.pt"]


def test_every_figure_has_a_name_and_a_place(found, reports):
    text = (reports / "evaluation.md").read_text()
    for model, times in zip(found["models"], found["timings"]["models"], strict=True):
        for part in (model["mean"], model["cost"], times):
            for key, _ in flat(part):
                assert f"\n| {FIGURES[key].name} | " in text


@pytest.mark.parametrize(
    ("value", "scale", "text"),
    [
        (0.03662, 1, "0.0366"),
        (1.052e-7, 1, "1.05e-07"),
        (1272.4, 1, "1,272"),
        (999.6, 1, "1,000"),
        (1760806, 1e-6, "1.76"),
        (7, 1, "7"),
        (None, 1, "not known"),
    ],
)
def test_figures_have_three_digits_and_thousands_all(value, scale, text):
    assert Figure("", scale=scale).shown(value) == text


def test_the_page_needs_no_other_file_and_shows_each_result(reports):
    page = (reports / "evaluation.html").read_text()
    assert page.count('src="data:image/jpeg;base64,') == 2 + 2 * 3
    assert "http" not in page.replace("http-equiv", "")
    panels = re.findall(r'<div class="panel"><h3>(.+?)</h3><p>.+?</p>', page)
    assert page.count('class="panel"') == len(panels) == 8
    assert {"Content and style", "Steadiness", "Speed and memory"} <= set(panels)
    assert "prefers-color-scheme: dark" in page
    assert "<td>more/b|c.png</td>" in page
    assert "| more/b\\|c.png |" in (reports / "evaluation.md").read_text()


def test_on_a_phone_the_page_is_as_wide_as_the_screen(reports, tmp_path):
    assert pixels_over(reports / "evaluation.html", tmp_path) <= 0


NAMES = [
    "<img src=x onerror=alert(1)>.png",
    "[here](javascript:alert(1)).png",
    "![](https://there/a.png).png",
    "a|b\n## c.png",
    "`_x_` **y** &lt; \\.png",
    "\x1b[31mred\udcff.png",
]


def test_no_name_is_more_than_a_name_in_the_reports(tmp_path):
    """Held against a reader of Markdown: every name is shown as it is."""
    pairs = [{"photo": name, "style": name, "loss": {"total": 1.0}} for name in NAMES]
    models = [
        {"name": name, "mean": {"loss": {"total": 1.0}}, "cost": {"parameters": 1}, "pairs": pairs}
        for name in NAMES
    ]
    found = {
        "manifest": {"suite": "samples", "photos": NAMES, "clip": {"name": NAMES[3]}},
        "left_out": {},
        "models": [model | {"clip": {"warp": 1.0}} for model in models],
        "timings": {"platform": "Linux", "threads": 2, "models": [{"256": 1}] * len(NAMES)},
    }
    text = to_markdown(found)
    assert "<" not in text
    assert "\x1b" not in text
    shown = [line for line in text.splitlines() if line.startswith("#")]
    assert len(shown) == 1 + 5 + len(NAMES)  # no name made a heading
    tables = [line for line in text.splitlines() if line.startswith("|")]
    cells = {len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in tables}
    assert cells == {len(NAMES) + 4, 4}  # bars of the tables by model, and of those by pair
    assert not re.search(r"(?<!\\)(?:\\\\)*[\[\]`*]", text)
    write(tmp_path, {"evaluation.md": text, "evaluation.html": to_html(found, Gallery())})
    page = (tmp_path / "evaluation.html").read_text()
    assert "<img src=x" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;.png" in page


def test_equal_inputs_give_equal_figures_and_curves_are_kept(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("stylenet.evaluation.benchmark.ITERATIONS", 2)
    subject = open_subject(folder / "model.pt", None)
    whole = coco_wikiart(folder / "photos", folder / "styles")
    suite = Suite("one pair", whole.photos[:1], whole.styles[:1])
    texts = []
    for _ in range(2):
        benchmark = Benchmark(Judge(), Curves(tmp_path / "lbfgs.json"))
        [rows], _ = judge_all(benchmark, suite, [subject], [suite.styles])
        texts.append(to_json({"pairs": rows}))
    assert texts[0] == texts[1]
    assert len(json.loads((tmp_path / "lbfgs.json").read_text())) == 1
    [pair] = json.loads(texts[0])["pairs"]
    assert 0 <= pair["lbfgs"] <= 3


def any_style(folder: Path) -> AdaIN:
    torch.manual_seed(0)
    net = AdaIN(width=0.05).eval()
    recipe = {"_target_": "stylenet.nets.adain.AdaIN", "width": 0.05}
    save_model(folder / "net.pt", net, {"net": recipe})
    return net


def test_a_net_for_any_style_is_judged_in_each(folder, tmp_path):
    net = any_style(tmp_path)
    whole, judge = coco_wikiart(folder / "photos", folder / "styles"), Judge()
    suite = Suite("one photo", whole.photos[:1], whole.styles)
    subject = open_subject(tmp_path / "net.pt", None)
    [rows], _ = judge_all(Benchmark(judge, None), suite, [subject], [suite.styles])
    photo = suite.photos[0].fitted()
    for row, style in zip(rows, suite.styles, strict=True):
        stylized = apply_net(styled(net, [style.fitted()], [1.0]), photo)
        target = judge.target(style.painting())
        assert row["gram"] == judge.style(judge.features(stylized), target)["gram"]
    assert rows[0]["loss"]["style"] != rows[1]["loss"]["style"]


@pytest.mark.slow
def test_an_exported_net_for_any_style_takes_each(folder, tmp_path):
    net = any_style(tmp_path)
    graphs = proven_pair(load_model(tmp_path / "net.pt"))
    for name, graph in zip(("net.onnx", "net.style.onnx"), graphs, strict=True):
        (tmp_path / name).write_bytes(graph)
    subject = open_subject(tmp_path / "net.onnx", None)
    assert [file.name for file in subject.files] == ["net.onnx", "net.style.onnx"]
    suite = coco_wikiart(folder / "photos", folder / "styles")
    photo = suite.photos[0].fitted()
    for style, (one, _) in zip(suite.styles, subject.by_style(suite.styles), strict=True):
        expected = apply_net(styled(net, [style.fitted()], [1.0]), photo)
        difference = np.abs(one.net(photo).astype(int) - expected)
        assert difference.max() <= 1


def test_a_net_of_several_styles_is_judged_in_those_it_has_learnt(folder, tmp_path):
    suite = coco_wikiart(folder / "photos", folder / "styles")
    first, second = suite.styles[:2]
    net = MultiStyleNet(TransformerNet(width=0.05, blocks=1), ["a", "b"]).eval()
    for learns in (net.scale, net.shift):
        torch.nn.init.normal_(learns)
    target = "stylenet.nets.multistyle.MultiStyleNet"
    recipe = {"_target_": target, "net": NET, "styles": ["a", "b"]}
    pictures = [{"sha256": second.sha256}, {"sha256": "0" * 64}]
    note = {"origin": "collection", "sha256": "c" * 64, "credit": "two", "pictures": pictures}
    save_model(tmp_path / "net.pt", net, {"net": recipe, "style_picture": note})
    subject, photo = open_subject(tmp_path / "net.pt", None), suite.photos[0].fitted()
    [(one, [style])] = subject.by_style(suite.styles)
    assert style.sha256 == second.sha256
    expected = apply_net(net.mixture(torch.tensor([[1.0, 0.0]])).eval(), photo)
    assert np.abs(one.net(photo).astype(int) - expected).max() <= 1
    with pytest.raises(UserError, match="has learnt none of the styles"):
        subject.by_style([first])


@pytest.mark.slow
def test_the_suite_of_clips_reports_warp_errors(folder, tmp_path):
    assert main([str(folder / "model.pt"), "--suite", "video", "-o", str(tmp_path)]) == 0
    [model] = json.loads((tmp_path / "evaluation.json").read_text())["models"]
    assert len(model["pairs"]) == 9
    for condition in ("clean", "noisy"):
        errors = [pair["warp"][condition]["gap 10"] for pair in model["pairs"]]
        assert model["mean"]["warp"][condition]["gap 10"] == pytest.approx(
            np.mean(errors), rel=1e-4
        )
    assert "flicker, 1 frame apart" in (tmp_path / "evaluation.md").read_text()


def test_each_model_has_its_own_style(folder):
    ours = open_subject(folder / "model.pt", None).style()
    peers = open_subject(folder / "peer.onnx", folder / "peer.yaml").style()
    assert ours.name == peers.name == "style"
    sha256 = hashlib.sha256((folder / "style.png").read_bytes()).hexdigest()
    assert ours.sha256 == peers.sha256 == sha256
    assert min(ours.fitted().shape[:2]) == 256


def test_a_style_that_was_not_trained_on_is_refused(folder, tmp_path, capsys):
    style = {
        "_target_": "stylenet.styles.Style",
        "name": "own",
        "image": str(folder / "style.png"),
    }
    shutil.copy(folder / "style.png", tmp_path)
    config = {"net": NET, "style": style, "style_picture": {"sha256": "12ab"}}
    save_model(tmp_path / "model.pt", TransformerNet(width=0.05, blocks=1), config)
    assert "was trained on another picture than" in refused(capsys, tmp_path / "model.pt")


def test_a_net_for_any_style_shows_the_picture_of_its_previews(folder, tmp_path):
    image = str(folder / "style.png")
    preview = {"_target_": "stylenet.styles.Style", "name": "own", "image": image}
    learnt = {"origin": "collection", "sha256": "of names and sizes"}
    shutil.copy(folder / "style.png", tmp_path)
    config = {"net": NET, "task": {"preview": preview}, "style_picture": learnt}
    save_model(tmp_path / "model.pt", TransformerNet(width=0.05, blocks=1), config)
    assert open_subject(tmp_path / "model.pt", None).style().name == "style"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["gone"], "gone does not exist; give a run folder or a model file"),
        (["model.pt", "--content", "photos"], "--content and --styles belong to --suite coco-"),
        (["model.pt", "--suite", "coco-wikiart"], "--suite coco-wikiart needs --content FOLDER"),
        (["peer.onnx"], "peer.onnx is no stylenet model; describe it with --adapter"),
        (["model.pt", "--adapter", "peer.yaml"], "--adapter peer.yaml: no model is left that nee"),
        (["peer.onnx", "--adapter", "bare.yaml"], "bare.yaml names no style picture; add style: "),
        (["bare.pt"], "bare.pt has no style picture of its own; use --suite coco-wikiart"),
        (["model.pt", "--clip", "clip.mp4"], "--clip belongs to --suite video; add it"),
        (["model.pt", "--suite", "video", "--lbfgs"], "--lbfgs is for photos; leave it out"),
        (["model.pt", "--suite", "video", "--clip", "gone.mp4"], "cannot open gone.mp4"),
        (["model.pt", "-o", "peer.yaml/out"], "cannot write peer.yaml/out/manifest.json (Not a "),
    ],
)
def test_mistakes_are_one_line(folder, monkeypatch, capsys, arguments, error):
    monkeypatch.chdir(folder)
    Path("bare.yaml").touch()
    save_model(Path("bare.pt"), TransformerNet(width=0.05, blocks=1), {"net": NET})
    assert error in refused(capsys, *arguments)


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    with pytest.raises(SystemExit) as stop:
        main(list(map(str, arguments)))
    assert stop.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err
