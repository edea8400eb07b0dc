"""The report of a sweep: its grids, its losses, its picture, and its page in a browser."""

import json
import re
import shlex
import shutil
import subprocess
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import OmegaConf
from phone import pixels_over
from PIL import Image

from stylenet.config import compose as configs
from stylenet.losses.perceptual import PerceptualLoss
from stylenet.models.checkpoint import TrainedModel, save_model
from stylenet.nets.johnson import TransformerNet
from stylenet.pictures.images import read_picture
from stylenet.pixels.optimisation import PixelLoss, optimize
from stylenet.report import main
from stylenet.reports import pareto, words
from stylenet.reports.equivalent import lbfgs_iteration
from stylenet.reports.measure import Findings, Result, Yardstick, examine, find_photos
from stylenet.reports.page import render
from stylenet.reports.sheet import HEIGHT, contact_sheet
from stylenet.reports.sweep import Run, grids, read_sweep, swept
from stylenet.styles.picture import StylePicture
from stylenet.tensors import to_tensor

CHROMIUM = shutil.which("chromium")
WIDTH = 0.1


def config_of(style: Path, *overrides: str) -> dict[str, Any]:
    """What training with `overrides` leaves in a model file."""
    chosen = ["style=custom", f"style.image={style}", "net.blocks=1", f"net.width={WIDTH}"]
    with initialize_config_dir(str(configs.FOLDER), version_base="1.3"):
        cfg = compose("train", overrides=[*chosen, *overrides, "trainer=cpu", "run=unused"])
    note = instantiate(cfg.style).picture().note()
    cfg.data = cfg.callbacks = cfg.logger = cfg.trainer = {}
    return {**OmegaConf.to_container(cfg, resolve=True), "style_picture": note}


def begin(folder: Path, *overrides: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "overrides.yaml").write_text(yaml.safe_dump(list(overrides)))
    return folder


def finish(folder: Path, config: dict[str, Any], seed: int, seconds: float) -> None:
    torch.manual_seed(seed)
    shutil.copy(config["style"]["image"], folder / "style.png")
    save_model(folder / "model.pt", TransformerNet(width=WIDTH, blocks=1), config)
    (folder / "losses.csv").write_text(f"step,content,seconds\n1,1,0.5\n2,1,{seconds}\n")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two photos, and a sweep of two parameters: four runs, of which the last failed.

    The first two have the same weights, though they were trained under different losses.
    """
    place = tmp_path_factory.mktemp("report")
    rng = np.random.default_rng(0)
    for name, size in (("style.png", (80, 90)), ("a.png", (64, 96)), ("b & c.png", (640, 160))):
        coarse = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize(size[::-1]).save(place / name)
    own, other = (config_of(place / "style.png", *loss) for loss in ([], ["loss=gatys"]))
    sweep = place / "sweep"
    runs = [
        begin(sweep / str(number), "seed=3", f"loss.style_weight={weight}", f"+note={note}")
        for number, (weight, note) in enumerate(
            [("10", "a b"), ("10", "<i>"), ("2", "a b"), ("2", "<i>")]
        )
    ]
    finish(runs[0], own, seed=1, seconds=9)
    finish(runs[1], other, seed=1, seconds=70)
    finish(runs[2], own, seed=2, seconds=3900)
    (runs[3] / "error.txt").write_text("the loss is <no number>\nand more\n")
    (sweep / "multirun.yaml").write_text("")
    return place


@pytest.fixture(scope="module")
def page(place: Path) -> Path:
    photos = [str(place / "a.png"), str(place / "b & c.png")]
    assert main([str(place / "sweep"), "--photos", *photos]) == 0
    return place / "sweep" / "report.html"


@pytest.fixture(scope="module")
def findings(place: Path) -> Findings:
    runs = read_sweep(place / "sweep")
    return examine("sweep", runs, swept(runs), find_photos([place / "a.png", place / "b & c.png"]))


def runs_of(*overrides: str) -> list[Run]:
    return [Run(Path(str(i)), tuple(text.split())) for i, text in enumerate(overrides)]


def names(cells: tuple[tuple[Run | None, ...], ...]) -> list[list[str | None]]:
    return [[run.name if run else None for run in row] for row in cells]


def test_axes_are_the_parameters_that_differ_with_numbers_by_size():
    axes = swept(runs_of("seed=1 style=b w=10", "seed=1 style=a w=2", "seed=1 style=b w=1e-3"))
    assert [(axis.parameter, axis.values) for axis in axes] == [
        ("style", ("b", "a")),
        ("w", ("1e-3", "2", "10")),
    ]


def test_two_parameters_make_a_grid_with_holes_where_no_run_was():
    runs = runs_of("a=1 b=5", "a=1 b=4", "a=2 b=4")
    [grid] = grids(runs, swept(runs))
    assert (grid.rows.parameter, grid.columns.parameter) == ("a", "b")
    assert names(grid.cells) == [["1", "0"], ["2", None]]


def test_further_parameters_make_a_grid_for_each_choice():
    runs = runs_of(*(f"s={s} a={a} b={b}" for s in "xy" for a in (1, 2) for b in (3, 4)))
    first, second = grids(runs, swept(runs))
    assert (first.shared, second.shared) == ((("s", "x"),), (("s", "y"),))
    assert names(second.cells) == [["4", "5"], ["6", "7"]]


def test_one_parameter_makes_rows_and_none_a_single_cell():
    runs = runs_of("a=1", "a=2")
    [grid] = grids(runs, swept(runs))
    assert names(grid.cells) == [["0"], ["1"]]
    [grid] = grids(runs[:1], swept(runs[:1]))
    assert names(grid.cells) == [["0"]]


def test_runs_come_in_the_order_of_their_numbers(tmp_path: Path):
    for name in ("10", "9", "0"):
        begin(tmp_path / name)
    assert [run.name for run in read_sweep(tmp_path)] == ["0", "9", "10"]


def test_the_command_gives_the_overrides_to_a_shell_unharmed():
    overrides = ("data.path=my photos", "style.title='It''s'", "+x=[1,2]")
    command = Run(Path("0"), overrides).command
    assert shlex.split(command) == ["stylenet", "train", *overrides]


def test_the_command_of_a_run_of_a_sweep_file_is_no_sweep():
    [run] = runs_of("sweep=optuna loss.style_weight=3")
    assert run.command.endswith(" sweep=optuna loss.style_weight=3 hydra.mode=RUN")


def test_losses_depend_on_the_pictures_alone(findings: Findings):
    first, other_loss, other_net = (findings.results[name] for name in "012")
    assert (first.content, first.style) == (other_loss.content, other_loss.style)
    assert first.content != other_net.content
    assert first.style != other_net.style


def test_the_photo_itself_has_no_content_loss_and_the_style_no_style_loss(place: Path):
    config = config_of(place / "style.png", "task.style_size=80")
    yardstick = Yardstick(config, "cpu")
    photo, style = (read_picture(place / name).rgb for name in ("a.png", "style.png"))
    content, from_style = yardstick([photo], [photo], style)
    assert content == pytest.approx(0, abs=1e-9)
    assert from_style > 0.01
    assert yardstick([style], [style], style) == pytest.approx((0, 0), abs=1e-9)


class Known(torch.nn.Module):
    """A net whose result is known."""

    def __init__(self, image: torch.Tensor) -> None:
        super().__init__()
        self.image = torch.nn.Parameter(image)

    def forward(self, photo: torch.Tensor) -> torch.Tensor:
        return self.image


@pytest.mark.parametrize("iteration", [0, 3])
def test_what_pixel_optimisation_gives_equals_its_own_iteration(place: Path, iteration: int):
    config = config_of(place / "style.png", "task.style_size=80")
    photo, style = (read_picture(place / name).rgb for name in ("a.png", "style.png"))
    loss: PerceptualLoss = instantiate(config["loss"])
    vgg = instantiate(config["task"]["vgg"])(loss.layers)
    loss.set_style(vgg(to_tensor(style)))
    start = to_tensor(photo)
    steps = optimize(PixelLoss(vgg, loss, start), start, 4)
    image = next(step.image for step in steps if step.number == iteration)
    model = TrainedModel(Known(image), config)
    assert lbfgs_iteration(model, [photo], style) == pytest.approx(iteration, abs=0.1)


def test_the_iteration_equalled_is_on_the_page_where_it_is_known():
    runs = runs_of("a=1", "a=2")
    found = {"0": replace(result(1, 1), lbfgs=7.26), "1": result(2, 2)}
    html = render(Findings("t", "m", swept(runs), [], runs, found))
    assert "<span>L-BFGS 7.3</span>" in html
    assert 'data-key="7.26">7.3</td>' in html
    assert html.count("<span>L-BFGS") == 1


def test_the_iteration_equalled_has_no_column_where_nobody_asked_for_it(page: Path):
    assert "L-BFGS" not in page.read_text()


@pytest.mark.parametrize(
    ("overrides", "styles", "title"),
    [
        (["w=16", "w=8"], ["wave"], "w 8 and 16, in wave"),
        (["style=a w=1", "style=b w=2"], ["a", "b"], "w 1 and 2, in a and b"),
        (["style=a", "style=b", "style=c"], ["a", "b", "c"], "a, b and c"),
        ([f"w={w}" for w in (1, 2, 4, 8, 16)], ["a"], "w from 1 to 16, in a"),
        ([f"net={n}" for n in "vwxyz"], ["a"], "net in 5 choices, in a"),
        (
            ["net=u w=1", "net=v w=2"],
            [*"abcdef"],
            "net u and v and w 1 and 2, in a, b, c and 3 more",
        ),
        (["w=1"], ["a"], "a"),
    ],
)
def test_the_title_says_what_was_varied_and_in_which_styles(
    overrides: list[str], styles: list[str], title: str
):
    assert words.headline(swept(runs_of(*overrides)), styles) == title


def test_the_page_has_the_title_of_the_sweep_and_names_its_folder(page: Path):
    text = page.read_text()
    assert "<h1>loss.style_weight 2 and 10 and note a b and &lt;i&gt;, in style</h1>" in text
    assert f"in {page.parent}." in text


def test_the_command_ends_with_the_paths(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    sweep = shutil.copytree(place / "sweep", tmp_path / "sweep")
    assert main([str(sweep), "--photos", str(place / "a.png")]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "3 of 4 runs:"
    assert said[1].startswith(f"{sweep / 'report.html'} (")
    assert said[2] == str(sweep / "report.png")


def test_on_a_phone_every_command_is_within_the_screen(page: Path, tmp_path: Path):
    assert pixels_over(page, tmp_path) <= 0


def test_pictures_are_shrunk_to_512_and_never_enlarged(findings: Findings):
    assert [rgb.shape for _, rgb in findings.photos] == [(64, 96, 3), (512, 128, 3)]
    assert [rgb.shape for rgb in findings.results["2"].stylized] == [(64, 96, 3), (512, 128, 3)]


def test_of_a_folder_six_photos_are_chosen_evenly(tmp_path: Path):
    for number in range(12):
        Image.new("RGB", (64, 64)).save(tmp_path / f"{number:02}.png")
    photos = find_photos([tmp_path, tmp_path / "01.png"])
    assert [photo.name for photo in photos] == ["00", "02", "04", "06", "08", "10", "01"]


def test_without_photos_the_held_out_samples_are_taken():
    assert "china" in [photo.name for photo in find_photos([])]


def test_a_run_without_a_good_model_is_told_of_and_does_not_end_the_report(
    place: Path, tmp_path: Path
):
    sweep = shutil.copytree(place / "sweep", tmp_path / "sweep")
    (sweep / "0" / "model.pt").write_bytes(b"broken")
    (sweep / "1" / "model.pt").unlink()
    runs = read_sweep(sweep)
    findings = examine("sweep", runs, swept(runs), find_photos([place / "a.png"]))
    problems = [run.problem for run in findings.runs]
    assert problems[0].startswith(f"failed: {sweep}/0/model.pt is no stylenet model")
    assert problems[1:] == ["not finished", None, "failed: the loss is <no number>"]
    assert list(findings.results) == ["2"]


def test_no_run_on_the_front_is_beaten_and_all_others_are():
    losses = {"a": (1, 9), "b": (2, 5), "c": (3, 5), "d": (4, 1), "e": (5, 2), "f": (1, 9.5)}
    assert pareto.front(losses) == ["a", "b", "d"]


def result(content: float, style: float, name: str = "wave", rgb: Any = None) -> Result:
    picture = StylePicture(name, np.zeros((64, 64, 3), np.uint8), "file", "", "")
    return Result([] if rgb is None else [rgb], content, style, None, picture)


def test_each_style_has_a_front_of_its_own():
    results = {"0": result(1, 1), "1": result(2, 2, "candy"), "2": result(3, 3)}
    assert pareto.fronts(results) == {"wave": ["0"], "candy": ["1"]}


@pytest.mark.parametrize("spread", [1e-6, 1.0, 1e6, 0.0])
def test_the_plot_has_larger_losses_right_and_up_and_all_within(spread: float):
    results = {"0": result(1, 1 + spread), "1": result(1 + spread, 1)}
    svg = pareto.plot(results, {"0": "", "1": ""})
    circles = re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', svg)
    (x0, y0), (x1, y1) = [(float(x), float(y)) for x, y in circles]
    assert all(0 < x < pareto.WIDTH for x in (x0, x1))
    assert all(0 < y < pareto.HEIGHT for y in (y0, y1))
    if spread:
        assert x1 - x0 > 100
        assert y1 - y0 > 100


def test_the_numbers_along_an_axis_have_equal_decimals():
    svg = pareto.plot({"0": result(1, 0.08), "1": result(2, 0.16)}, {"0": "", "1": ""})
    assert re.findall(r'class="up">([\d.]+)<', svg) == ["0.08", "0.10", "0.12", "0.14", "0.16"]


@pytest.mark.parametrize(
    ("seconds", "text"), [(54.4, "54 s"), (200, "3 min 20 s"), (3900, "1 h 05 min")]
)
def test_durations_read_well(seconds: float, text: str):
    assert words.duration(seconds) == text


def test_long_numbers_are_shortened_and_words_are_not():
    assert [words.value(v) for v in ("20000", "3.14159265", "starry_night", "")] == [
        *("20000", "3.142", "starry_night", "default")
    ]


def test_small_losses_keep_their_digits():
    assert words.facts(result(0.76543, 1.2345e-6)) == ["content 0.765", "style 1.23e-06"]


def test_the_picture_has_each_run_at_its_place():
    runs = runs_of("a=1 b=1", "a=1 b=2", "a=2 b=1", "a=2 b=2")
    colours = [(250, 10 * i, 0) for i in range(4)]
    results = {
        run.name: result(1, 1, rgb=np.full((50, 70, 3), colour, np.uint8))
        for run, colour in zip(runs, colours, strict=True)
    }
    photo = np.full((50, 70, 3), (0, 0, 250), np.uint8)
    findings = Findings("t", "m", swept(runs), [("photo", photo)], runs, results)
    sheet = contact_sheet(findings)
    places = [np.argwhere((sheet == colour).all(-1)) for colour in [(0, 0, 250), *colours]]
    assert {len(place) for place in places} == {HEIGHT * round(HEIGHT * 70 / 50)}
    original, first, right, below, last = (place.mean(0) for place in places)
    assert original[0] < first[0] == right[0] < below[0] == last[0]
    assert first[1] == below[1] < right[1] == last[1]


def test_the_picture_is_written_beside_the_page(page: Path):
    height, width = read_picture(page.with_suffix(".png")).size
    assert height > 3 * HEIGHT
    assert width > 2 * HEIGHT


def test_the_page_has_every_command_and_problem_and_no_address(page: Path):
    text = page.read_text()
    assert "<i>" not in text
    readable = unescape(text)
    for run in read_sweep(page.parent):
        assert run.command in readable
    assert "failed: the loss is <no number>" in readable
    assert "and more" not in readable
    assert "1 h 05 min" in readable
    assert "//" not in re.sub(r"data:image/webp;base64,[\w+/=]+", "", text).replace(" // ", "")


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda sweep: None, "is not a folder; give the folder of a sweep"),
        (lambda sweep: sweep.mkdir(), "has no runs of a sweep; give the folder that"),
        (lambda sweep: begin(sweep / "0", "a=1"), "no run has a model (0 not finished)"),
    ],
)
def test_a_folder_that_is_no_finished_sweep_is_refused(tmp_path: Path, capsys, make, told: str):
    make(tmp_path / "sweep")
    with pytest.raises(SystemExit) as stop:
        main([str(tmp_path / "sweep")])
    error = capsys.readouterr().err
    assert stop.value.code == 2
    assert error.startswith("error: ")
    assert told in error
    assert error.count("\n") == 1


def test_a_photo_that_is_missing_is_named(place: Path, capsys):
    with pytest.raises(SystemExit) as stop:
        main([str(place / "sweep"), "--photos", "nowhere.png"])
    assert stop.value.code == 2
    assert capsys.readouterr().err == "error: nowhere.png does not exist; check the path\n"


PROBE = """
const told = {};
const column = (n) => [...document.querySelectorAll(".runs tbody tr")].map(
  (row) => row.cells[n].innerText.trim());
const press = (text) => [...document.querySelectorAll(".runs th button")].find(
  (button) => button.textContent === text).click();
addEventListener("load", async () => {
  told.attributes = [...document.querySelectorAll("[src], [href], [action], [srcset]")].flatMap(
    (e) => ["src", "href", "action", "srcset"].map((name) => e.getAttribute(name))).filter(Boolean);
  told.broken = [...document.images].filter((i) => i.hasAttribute("src") && !i.naturalWidth).length;
  told.loaded = performance.getEntriesByType("resource").map((entry) => entry.name);
  told.wide = document.documentElement.scrollWidth > innerWidth;
  const sorted = {rising: "time", falling: "time", number: "loss.style_weight", word: "note"};
  for (const [name, header] of Object.entries(sorted)) {
    press(header);
    told[name] = column(0);
  }
  const dialog = document.querySelector("dialog");
  const image = (name) => dialog.querySelector("img." + name);
  const shot = document.querySelector("#cell-2 .shot[data-photo=photo-1]");
  told.closed = !dialog.open;
  shot.click();
  await Promise.all([image("original").decode(), image("stylized").decode()]);
  told.open = dialog.open;
  told.title = dialog.querySelector("h2").innerText;
  told.text = dialog.innerText;
  told.sizes = ["original", "stylized"].map(
    (name) => [image(name).naturalWidth, image(name).naturalHeight, image(name).width]);
  told.pair = [image("original").src === document.getElementById("photo-1").src,
    image("stylized").src === shot.querySelector("img").src];
  dialog.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowLeft"}));
  told.previous = dialog.querySelector("h2").innerText;
  dialog.querySelector(".close").click();
  told.closed_again = !dialog.open;
  const pre = document.createElement("pre");
  pre.id = "told";
  pre.textContent = JSON.stringify(told);
  document.body.append(pre);
});
"""


@pytest.fixture(scope="module")
def seen(page: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the page does in headless Chromium, as a script in it tells; its console in ``log``."""
    if CHROMIUM is None:
        pytest.skip("no chromium; apt-get install chromium")
    place = tmp_path_factory.mktemp("browser")
    html = page.read_text().replace("</body>", f"<script>{PROBE}</script></body>")
    (place / "page.html").write_text(html)
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={place / 'user'}"]
    tell = ["--enable-logging=stderr", "--virtual-time-budget=9000", "--window-size=1200,900"]
    ended = subprocess.run(
        [CHROMIUM, *options, *tell, "--dump-dom", f"file://{place / 'page.html'}"],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    log = [line for line in ended.stderr.splitlines() if "CONSOLE" in line]
    found = re.search(r'<pre id="told">(.*?)</pre>', ended.stdout, re.DOTALL)
    assert found, log
    return {**json.loads(unescape(found[1])), "log": log}


def test_in_a_browser_the_page_loads_without_a_complaint(seen: dict[str, Any]):
    assert seen["log"] == []
    assert seen["broken"] == 0
    assert not seen["wide"]


def test_in_a_browser_nothing_leads_outside(seen: dict[str, Any]):
    assert len(seen["attributes"]) > 9
    assert all(link.startswith(("data:", "#")) for link in seen["attributes"])
    assert all(link.startswith("data:") for link in seen["loaded"])


def test_in_a_browser_the_table_sorts_both_ways_with_missing_values_last(seen: dict[str, Any]):
    assert seen["rising"] == ["0", "1", "2", "3"]
    assert seen["falling"] == ["2", "1", "0", "3"]
    assert sorted(seen["number"][:2]) == ["2", "3"]
    assert sorted(seen["word"][:2]) == ["1", "3"]


def test_in_a_browser_a_click_compares_at_full_size(seen: dict[str, Any], place: Path):
    assert seen["closed"]
    assert seen["open"]
    assert seen["pair"] == [True, True]
    assert seen["sizes"] == [[128, 512, 128]] * 2
    assert seen["title"] == "Run 2, loss.style_weight 2, note a b, b & c"
    assert read_sweep(place / "sweep")[2].command in seen["text"]
    assert re.search(r"content [\d.]+\s+style [\d.]+\s+1 h 05 min", seen["text"])


def test_in_a_browser_an_arrow_turns_to_the_picture_before_and_a_button_closes(
    seen: dict[str, Any],
):
    assert seen["previous"] == "Run 2, loss.style_weight 2, note a b, a"
    assert seen["closed_again"]
