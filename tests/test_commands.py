"""The command ``stylenet``: it finds its commands, and helps without loading what work takes."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from stylenet import __version__
from stylenet.__main__ import COMMANDS
from stylenet.commands import export, optimize
from stylenet.commands.train import help_text
from stylenet.config.compose import composed
from stylenet.config.folder import FOLDER
from stylenet.export.__main__ import TARGETS
from stylenet.export.__main__ import main as export_model
from stylenet.info import main as info
from stylenet.models.checkpoint import save_model
from stylenet.nets.johnson import TransformerNet
from stylenet.pixels.optimisation import OPTIMIZERS
from stylenet.styles.known import known_styles

NET = {"_target_": "stylenet.nets.johnson.TransformerNet", "width": 0.1, "blocks": 1}
PICTURE = {"name": "waves", "origin": "file", "sha256": "0", "credit": "waves.jpg"}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    config = {"net": NET, "style": {"name": "waves"}, "style_picture": PICTURE}
    config |= {"loss": {"style_weight": 15.0}, "measured": {"style_weight": 21.5}}
    save_model(tmp_path / "run" / "model.pt", TransformerNet(width=0.1, blocks=1), config)
    return tmp_path / "run"


def stylenet(*arguments: str, code: str = "") -> subprocess.CompletedProcess[str]:
    run = "import sys\nfrom stylenet.__main__ import main\n"
    run += f"try:\n    main()\nfinally:\n    {code or 0}"
    command = [sys.executable, "-c", run, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_loads_nothing_heavy(command: str):
    heavy = "{'torch', 'hydra', 'onnxruntime', 'skimage'} & set(sys.modules)"
    done = stylenet(command, "--help", code=f"print('loaded', {heavy})")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: stylenet {command}")
    assert done.stdout.endswith("loaded set()\n")


def test_the_bare_command_names_all_commands():
    done = stylenet()
    assert done.returncode == 0
    assert all(f"\n  {command} " in done.stdout for command in COMMANDS)
    assert stylenet("--version").stdout == f"stylenet {__version__}\n"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("stylenet ev", ["evaluate"]),
        ("stylenet export --prec", ["--precision"]),
        ("stylenet train stro", ["strokes="]),
        ("stylenet train strokes=", ["bold", "fine", "medium"]),
        ("stylenet train -m net=john", ["johnson"]),
        ("stylenet train loss.style_weight=", []),
        ("stylenet styles --x", []),
        ("stylenet nothing --x", []),
    ],
)
def test_a_shell_completes_commands_options_and_choices(line: str, expected: list[str]):
    script = f'stylenet() {{ "{sys.executable}" -m stylenet "$@"; }}\n'
    script += stylenet("--completion").stdout
    script += f'COMP_LINE="{line}" COMP_POINT={len(line)}\n_stylenet 2>/dev/null\n'
    script += 'printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == expected


def test_a_slip_of_the_pen_is_mended():
    done = stylenet("stylise", "photo.jpg")
    assert done.returncode == 2
    assert done.stderr == "error: stylenet has no command stylise; did you mean stylize?\n"


def test_a_command_does_what_its_module_does(tmp_path: Path):
    arguments = ["missing.jpg", "--model", str(tmp_path), "-o", str(tmp_path / "out.png")]
    module = [sys.executable, "-m", "stylenet.stylize", *arguments]
    expected = subprocess.run(module, capture_output=True, text=True, check=False)
    done = stylenet("stylize", *arguments)
    assert expected.returncode == 2
    assert (done.returncode, done.stderr) == (2, expected.stderr)


def test_help_knows_the_choices_of_the_code():
    [target] = [a for a in export.parser()._actions if a.dest == "target"]
    [optimizer] = [a for a in optimize.parser()._actions if a.dest == "optimizer"]
    assert target.choices == (*TARGETS, "web")
    assert optimizer.choices == OPTIMIZERS


def test_the_help_of_training_has_the_shipped_values_and_every_choice():
    text, config = help_text(), composed(["trainer=cpu"])
    assert f"loss.style_weight={config.loss.style_weight:g} " in text
    for file in FOLDER.glob("*/*.yaml"):
        [row] = [row for row in text.splitlines() if row.startswith(f"  {file.parent.name} ")]
        assert file.stem in row


def test_info_tells_of_a_run_and_of_its_export(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    export_model([str(run), "-o", str(tmp_path / "waves.onnx")])
    use = f"stylenet stylize PHOTO_OR_FOLDER --model {tmp_path}/waves.onnx -o stylized/"
    assert capsys.readouterr().out.splitlines()[-1].endswith(use)
    count = sum(value.numel() for value in TransformerNet(width=0.1, blocks=1).parameters())
    for model, told in ((run, f"{count:,}"), (tmp_path / "waves.onnx", "fp32")):
        capsys.readouterr()
        assert info([str(model)]) == 0
        said = capsys.readouterr().out
        for text in ("waves.jpg", "TransformerNet (", "width=0.1", "21.5", told):
            assert text in said, text


def test_info_refuses_what_is_no_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "model.pt").write_bytes(b"PK nothing")
    with pytest.raises(SystemExit) as ended:
        info([str(tmp_path)])
    assert ended.value.code == 2
    assert "is no stylenet model" in capsys.readouterr().err


def test_the_list_of_styles_names_the_works():
    said = stylenet("styles").stdout.splitlines()
    assert [line.split()[0] for line in said] == known_styles()
    assert any("The Starry Night, Vincent van Gogh, 1889" in line for line in said)
