"""What is shipped: every folder of code, the data, and nothing that needs torch to animate."""

import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
HEAVY = {"torch", "onnx", "onnxscript", "onnxsim", "scipy", "scikit-image", "matplotlib", "opencv-python-headless"}


def test_the_package_list_equals_the_folders() -> None:
    packages = PROJECT["tool"]["setuptools"]["packages"]
    folders = {path.parent for path in ROOT.glob("*/__init__.py")}
    expected = {"vivant"} | {f"vivant.{folder.name}" for folder in folders}
    assert set(packages) == expected
    mapped = PROJECT["tool"]["setuptools"]["package-dir"]
    assert mapped == {"vivant": "."} | {f"vivant.{folder.name}": folder.name for folder in folders}
    for folder in (ROOT, *folders):
        nested = [path for path in folder.glob("*/*.py") if path.parent not in folders and folder != ROOT]
        assert not nested, f"{nested} would not be shipped"


def test_the_base_install_is_light() -> None:
    names = {requirement.split(">")[0].split("=")[0] for requirement in PROJECT["project"]["dependencies"]}
    assert names == {
        "av", "c2pa-python", "cryptography", "numpy", "onnxruntime", "pillow", "rich", "safetensors", "typer",
    }  # fmt: skip
    assert not names & HEAVY


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of what is under version control or about to be."""
    source = tmp_path_factory.mktemp("source") / "vivant"
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, source / name)
    target = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", target, source]
    subprocess.run(command, check=True)
    (built,) = target.glob("vivant-*.whl")
    return built


@pytest.mark.slow
def test_the_wheel_holds_code_and_data_but_no_tests(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {
        "vivant/__init__.py",
        "vivant/cli/animate.py",
        "vivant/runtime/marks.json",
        "vivant/runtime/session.py",
        "vivant/models/bundle/manifest.json",
        "vivant/models/bundle/render.onnx",
        "vivant/models/bundle/presets/talk.safetensors",
        "vivant/models/samples/astronaut.jpg",
    } <= names
    assert not [name for name in names if "test" in Path(name).name.split("_")[0] or name.startswith("vivant/tests")]
    in_bundle = {p.relative_to(ROOT) for p in (ROOT / "models" / "bundle").rglob("*") if p.is_file()}
    assert {f"vivant/{path.as_posix()}" for path in in_bundle} <= names


@pytest.mark.slow
def test_the_wheel_animates_in_a_clean_environment_without_torch(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", wheel], check=True)
    installed = subprocess.run(
        [python, "-m", "pip", "list", "--format=freeze"], capture_output=True, text=True, check=True
    )
    names = {line.split("==")[0].lower() for line in installed.stdout.splitlines()}
    assert not names & HEAVY
    command = [tmp_path / "venv" / "bin" / "vivant", "animate", "--motion", "nod", "--output", "clip.mp4"]
    made = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    assert made.stdout == "clip.mp4\n"
    assert (tmp_path / "clip.mp4").stat().st_size > 20_000
    refused = subprocess.run([*command[:1], "verify"], cwd=tmp_path, capture_output=True, text=True)
    assert refused.returncode == 1
    assert "pip install 'vivant[export]'" in refused.stderr
