"""Builds the folder that is pushed to a Hugging Face Space, and tries it in a clean environment.

python -m vivant.demo.build_space SPACE [--try]
"""

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import venv
from pathlib import Path
from typing import Final

from ..runtime.errors import OutputError, VivantError
from ..runtime.session import BUNDLED, Bundle

ROOT: Final = BUNDLED.parents[1]
CODE: Final = ("runtime", "demo")  # neither torch nor what needs it
DATA: Final = ("models/samples",)
APP: Final = '''"""What the Space runs."""

from vivant.demo.app import build_app, serve

if __name__ == "__main__":
    serve(build_app())  # the Space says by its environment where to listen
'''
START_SECONDS: Final = 60.0
PROBE: Final = """
import sys
from gradio_client import Client, handle_file
client = Client(sys.argv[1], verbose=False, download_files=sys.argv[3])
files, summary = client.predict(
    photos=[{"image": handle_file(sys.argv[2]), "caption": None}], preset="nod", size="256", consent=True,
    api_name="/animate",
)
print(files[0], summary["total_seconds"])
"""


def build_space(target: Path, bundle: Path = BUNDLED) -> None:
    """Writes the Space's folder; what was there is replaced when it is an earlier one.

    Raises:
        OutputError: something else is there. BundleError: the bundle is incomplete or damaged.
    """
    opened = Bundle(bundle)
    for name in opened.manifest.graphs:
        opened.content(name)
    if target.exists() and not (target / "app.py").is_file() and (not target.is_dir() or any(target.iterdir())):
        raise OutputError(f"{target} holds something else than a Space's folder; name a new one.")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".space-") as temporary:
        folder = Path(temporary, "space")
        package = folder / "vivant"
        package.mkdir(parents=True)
        shutil.copyfile(ROOT / "__init__.py", package / "__init__.py")
        shutil.copyfile(ROOT / "LICENSE", folder / "LICENSE")
        ignored = shutil.ignore_patterns("__pycache__", ".*")
        for name in (*CODE, *DATA):
            shutil.copytree(ROOT / name, package / name, ignore=ignored)
        shutil.copytree(bundle, package / "models" / "bundle", ignore=ignored)
        for name in ("README.md", "requirements.txt"):
            (package / "demo" / name).replace(folder / name)
        (folder / "app.py").write_text(APP, encoding="utf-8")
        (folder / ".gitattributes").write_text("*.onnx filter=lfs diff=lfs merge=lfs -text\n", encoding="utf-8")
        if target.exists():
            _replace_contents(target, folder)
        else:
            folder.rename(target)


def _replace_contents(target: Path, folder: Path) -> None:
    """Renews an earlier folder, whose .git (it is a repository once it was pushed) stays."""
    for entry in target.iterdir():
        if entry.name != ".git":
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    for entry in folder.iterdir():
        entry.rename(target / entry.name)


def try_space(space: Path, work: Path) -> dict[str, float | str]:
    """Starts a Space in a new environment made from its own requirements, and animates a photo through its API.

    Args:
        space: from `build_space`.
        work: an existing folder for the environment.

    Returns:
        seconds to install, to start (until the page answers) and to animate; the clip's path.

    Raises:
        VivantError: it does not install, start or animate.
    """
    start = time.perf_counter()
    venv.create(work / "venv", with_pip=True)
    python = work / "venv" / "bin" / "python"
    requirements = space / "requirements.txt"
    _run([python, "-m", "pip", "install", "--quiet", "-r", requirements], "The requirements do not install")
    installed = time.perf_counter()
    port = free_port()
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "GRADIO"))}
    environment |= {"GRADIO_SERVER_PORT": str(port), "TMPDIR": str(work)}
    with subprocess.Popen([python, "app.py"], cwd=space, env=environment) as server:
        try:
            url = f"http://127.0.0.1:{port}/"
            wait_for_page(url, server)
            started = time.perf_counter()
            photo = space / "vivant" / "models" / "samples" / "astronaut.jpg"
            clip, seconds = _run(
                [python, "-c", PROBE, url, photo, work / "clips"], "The Space does not animate"
            ).split()
        finally:
            server.terminate()
    leftover = [path.name for path in work.glob("vivant-demo-*")]
    if leftover:
        raise VivantError(f"The Space left files behind: {', '.join(leftover)}.")
    return {"install": installed - start, "start": started - installed, "animate": float(seconds), "clip": clip}


def _run(command: list[str | Path], failure: str) -> str:
    ran = subprocess.run(command, capture_output=True, text=True)
    if ran.returncode:
        raise VivantError(f"{failure}: {ran.stderr.strip().splitlines()[-1]}")
    return ran.stdout


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_page(url: str, server: "subprocess.Popen[bytes] | subprocess.Popen[str]") -> None:
    """Waits until a page answers; raises VivantError when its server ends or takes too long."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if server.poll() is not None:
            raise VivantError(f"The demo ended with code {server.returncode} instead of starting.")
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.05)
    raise VivantError(f"The demo did not answer within {START_SECONDS:.0f} s.")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m vivant.demo.build_space", description="Builds a Space's folder.")
    parser.add_argument("space", type=Path, help="the folder to write")
    parser.add_argument("--bundle", type=Path, default=BUNDLED, help="the bundle that goes in")
    parser.add_argument("--try", dest="tried", action="store_true", help="also start it and animate a photo")
    wanted = parser.parse_args()
    try:
        build_space(wanted.space, wanted.bundle)
        print(f"{wanted.space}: {sum(f.stat().st_size for f in wanted.space.rglob('*') if f.is_file()) / 1e6:.1f} MB")
        if wanted.tried:
            with tempfile.TemporaryDirectory(prefix="vivant-space-") as work:
                for name, value in try_space(wanted.space.resolve(), Path(work)).items():
                    print(f"{name}: {value if isinstance(value, str) else f'{value:.1f} s'}")
    except VivantError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
