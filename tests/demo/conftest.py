"""Two running demos: one in this process with stand-in graphs, one started as users start it, with the real ones."""

import os
import shutil
import signal
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from clipmaking import write_video
from folders import files_under
from PIL import Image
from standin import picture_with_faces, write_manifest
from vivant.runtime.animate import Settings, animate
from vivant.runtime.media import VideoReader
from vivant.runtime.motions import load_motion
from vivant.runtime.session import BUNDLED, Bundle
from vivant.runtime.tracks import MotionTrack, TrackInfo

pytest.importorskip("gradio", reason="the demo needs the extra: pip install 'vivant[demo]'")
from vivant.demo.app import Demo, build_app
from vivant.demo.build_space import free_port, wait_for_page
from vivant.demo.limits import Limits

SAMPLES = BUNDLED.parent / "samples"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


def make_track(name: str, frames: int = 6) -> MotionTrack:
    """A head that shifts to the right and back."""
    shift = np.sin(np.linspace(0, np.pi, frames, endpoint=False))
    translation = np.stack([0.2 * shift, 0 * shift, 0 * shift], axis=1).astype(np.float32)
    return MotionTrack(
        rotation=np.tile(np.eye(3, dtype=np.float32), (frames, 1, 1)),
        translation=translation,
        scale=np.zeros(frames, np.float32),
        expression=np.zeros((frames, 1), np.float32),
        basis=np.zeros((1, 478, 3), np.float32),
        fps=25.0,
        loop=True,
        info=TrackInfo(name, name.title(), "made for a test", "CC0", "a test"),
    )


@pytest.fixture(scope="session")
def demo(standin_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A demo in this process, with stand-in graphs, two presets (`shift`, `long`) and tight limits."""
    folder = tmp_path_factory.mktemp("bundle")
    shutil.copytree(standin_folder, folder, dirs_exist_ok=True)
    make_track("shift").save(folder / "shift.safetensors")
    make_track("long", frames=600).save(folder / "long.safetensors")
    write_manifest(folder)
    limits = Limits(photos=4, photo_bytes=2_000_000, video_seconds=3, video_frames=80, clip_seconds=25)
    running = build_app(folder, limits, threads=1)
    running.launch("127.0.0.1", None)
    yield running
    running.close()


@dataclass(frozen=True)
class Site:
    """A demo in a process of its own; `folder` is where its temporary files go."""

    url: str
    folder: Path
    process: "subprocess.Popen[str]"

    def files(self) -> list[Path]:
        """Visitors' files that exist, without the demo's own examples."""
        found = [path for path in files_under(self.folder) if path.name != ".ses"]
        return [path for path in found if not any(part.startswith("examples-") for part in path.parts)]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The demo as `vivant demo` starts it, with the real graphs; it must leave nothing behind."""
    if not (BUNDLED / "manifest.json").is_file():
        pytest.skip("the bundle is not here")
    folder = tmp_path_factory.mktemp("temporary")
    port = free_port()
    command = [sys.executable, "-m", "vivant", "demo", "--port", str(port)]
    environment = {**os.environ, "TMPDIR": str(folder), "GRADIO_ANALYTICS_ENABLED": "False"}
    with subprocess.Popen(command, env=environment, text=True) as process:
        url = f"http://127.0.0.1:{port}/"
        try:
            wait_for_page(url, process)
            yield Site(url, folder, process)
        finally:
            process.send_signal(signal.SIGTERM)
            code = process.wait(30)
    assert code == 0
    left = {path.name for path in files_under(folder)}
    assert left <= {".ses"}  # which ONNX Runtime writes


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The browser that is installed; playwright's own is not needed."""
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    return CHROMIUM


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Playwright's interface to Chromium; a process has room for one at a time, and other tests start their own."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="pages are driven by playwright")
    with sync_api.sync_playwright() as playwright:
        yield playwright.chromium


@pytest.fixture(scope="session")
def camera(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What Chromium's camera shows, as a stream of JPEGs: the sample photo, nodding."""
    folder = tmp_path_factory.mktemp("camera")
    settings = Settings(size=256)
    animate(bundle, SAMPLES / "grace_hopper.jpg", load_motion(bundle, "nod"), folder / "nod.mp4", settings=settings)
    path = folder / "camera.mjpeg"
    with VideoReader(folder / "nod.mp4") as reader, path.open("wb") as stream:
        for frame in reader:
            Image.fromarray(frame[:384]).resize((640, 480)).save(stream, "JPEG", quality=90)
    return path


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A picture for the stand-in graphs."""
    path = tmp_path / "anna.png"
    Image.fromarray(picture_with_faces((100, 60, 80))).save(path)
    return path


@pytest.fixture
def driver(tmp_path: Path) -> Path:
    """A driving video for the stand-in graphs, in a file that browsers can send."""
    frames = [picture_with_faces((60 + 4 * i, 60, 80)) for i in range(6)]
    return write_video(tmp_path / "driver.mkv", frames)


@pytest.fixture
def write_bomb() -> Callable[[Path, int], Path]:
    """Writes a picture that unpacks to that many pixels on a side."""
    return _write_bomb


@pytest.fixture
def write_long_video() -> Callable[[Path, int], Path]:
    """Writes a video that lasts that many seconds."""
    return _write_long_video


def _write_bomb(path: Path, side: int) -> Path:
    """A PNG of a few bytes whose header promises side × side pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1000))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b""))
    return path


def _write_long_video(path: Path, seconds: int) -> Path:
    """Two frames, that many seconds apart."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for pts in (0, 25 * seconds):
            frame = VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
            frame.pts, frame.time_base = pts, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
