"""The folder that is pushed to a Space."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

pytest.importorskip("gradio", reason="the demo needs the extra: pip install 'vivant[demo]'")
from vivant.demo.build_space import build_space
from vivant.demo.limits import MB, Limits
from vivant.runtime.errors import OutputError
from vivant.runtime.images import MAX_MEGAPIXELS

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ONLY_COMMANDS = {"rich", "typer"}  # the command line's, which a Space does not have
START = """
import sys
sys.modules.update(dict.fromkeys(("torch", "onnx", "onnxscript", "vivant.cli", "vivant.models.geometry")))
from vivant.demo.app import build_app
demo = build_app(threads=1)
print(demo.launch("127.0.0.1", None), __import__("vivant").__file__)
demo.close()
"""


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("spaces") / "space"
    build_space(folder)
    return folder


def requirements(lines: list[str]) -> dict[str, str]:
    kept = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    return {line.split(">")[0]: line for line in kept}


def test_its_requirements_are_the_projects_own(space: Path) -> None:
    wanted = requirements([*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["demo"]])
    stated = requirements((space / "requirements.txt").read_text(encoding="utf-8").splitlines())
    assert stated == {name: line for name, line in wanted.items() if name not in ONLY_COMMANDS}


def test_it_holds_what_a_space_needs_and_nothing_that_needs_torch(space: Path) -> None:
    files = {path.relative_to(space).as_posix() for path in space.rglob("*") if path.is_file()}
    assert {"app.py", "README.md", "requirements.txt", "LICENSE", ".gitattributes"} <= files
    assert {"vivant/models/bundle/render.onnx", "vivant/models/samples/astronaut.jpg"} <= files
    assert {"vivant/demo/live.js", "vivant/demo/live.html", "vivant/demo/style.css"} <= files
    assert not [
        name for name in files if "__pycache__" in name or name.startswith(("vivant/training", "vivant/export"))
    ]
    front = (space / "README.md").read_text(encoding="utf-8").split("---")[1]
    assert "sdk: gradio" in front and "app_file: app.py" in front
    short = next(line for line in front.splitlines() if line.startswith("short_description:"))
    assert len(short.split(": ", 1)[1]) <= 60  # what Hugging Face accepts


def test_the_front_matter_names_a_gradio_that_the_requirements_allow(space: Path) -> None:
    from packaging.requirements import Requirement

    front = (space / "README.md").read_text(encoding="utf-8")
    version = next(line.split()[1] for line in front.splitlines() if line.startswith("sdk_version:"))
    (line,) = PROJECT["optional-dependencies"]["demo"]
    assert Requirement(line).specifier.contains(version)


def test_it_starts_by_itself_without_torch(space: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path), "GRADIO_ANALYTICS_ENABLED": "False"}
    ran = subprocess.run([sys.executable, "-c", START], cwd=space, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert str(space) in ran.stdout.splitlines()[-1]


def test_another_folder_is_not_overwritten_an_earlier_space_is(space: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(OutputError, match="holds something else"):
        build_space(tmp_path)
    (space / ".git").mkdir()
    (space / "stale.py").touch()
    build_space(space)
    assert (space / ".git").is_dir() and not (space / "stale.py").exists()


def test_the_readme_states_the_limits_that_are_enforced() -> None:
    text = (ROOT / "demo" / "README.md").read_text(encoding="utf-8")
    limits = Limits()
    for words in (
        f"{limits.photos}, of {limits.photo_bytes // MB} MB each; {limits.photo_megapixels} megapixels",
        f"JPEGs {MAX_MEGAPIXELS}",
        f"{limits.video_bytes // MB} MB, {limits.video_seconds} s, {limits.video_frames} frames",
        f"{limits.track_bytes // MB} MB",
        f"{limits.clip_seconds} s; photos are reduced to {limits.photo_side} pixels",
    ):
        assert words in text, words
