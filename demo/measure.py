"""Measures the demo as visitors meet it, and prints a table: `python -m vivant.demo.measure`.

Needs playwright and an installed Chromium, which runs on the same processors as the demo.
"""

import argparse
import io
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from gradio_client import Client, handle_file
from PIL import Image

from ..runtime.images import load_photo
from ..runtime.session import BUNDLED
from .build_space import free_port, wait_for_page
from .limits import Limits

PHOTO: Final = BUNDLED.parent / "samples" / "astronaut.jpg"
PRESET: Final = "speaker-lively"  # five seconds, 125 frames
VISITORS: Final = 5
LIVE_SECONDS: Final = 12.0
WARM_SECONDS: Final = 90.0
LEFT_SECONDS: Final = 120.0
MB: Final = 1e6


@dataclass(frozen=True)
class Figure:
    """One line of the table."""

    what: str
    value: str
    wanted: str


class Server:
    """A demo in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.peak = folder, 0
        port = free_port()
        self.url = f"http://127.0.0.1:{port}/"
        start = time.perf_counter()
        command = [sys.executable, "-m", "vivant", "demo", "--port", str(port)]
        self.process = subprocess.Popen(command, env={**os.environ, "TMPDIR": str(folder)})
        wait_for_page(self.url, self.process)
        self.seconds = time.perf_counter() - start

    def memory(self) -> float:
        """Most memory that the process held so far, MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return next(int(line.split()[1]) * 1024 / MB for line in status.splitlines() if line.startswith("VmHWM"))

    def files(self) -> list[Path]:
        """Visitors' files."""
        found = (Path(parent, name) for parent, _, names in os.walk(self.folder) for name in names if name != ".ses")
        return [path for path in found if not any(part.startswith("examples-") for part in path.parts)]

    def wait_until_left(self) -> float:
        """Seconds until nothing of the visitors is there any more: uploads that were broken off are swept away last."""
        start = time.monotonic()
        while self.files() and time.monotonic() - start < LEFT_SECONDS:
            time.sleep(1)
        return time.monotonic() - start

    def wait_until_idle(self) -> None:
        """Waits until the examples are made: from then on the processor belongs to the visitors."""
        until = time.monotonic() + WARM_SECONDS
        while time.monotonic() < until and len(list(self.folder.rglob("examples-*/*.mp4"))) < 4:
            time.sleep(0.5)


def animate_once(url: str, photos: Sequence[Path], folder: Path) -> float:
    """Seconds from the uploads' start to the downloaded clip."""
    client = Client(url, verbose=False, download_files=folder, analytics_enabled=False)
    try:
        start = time.perf_counter()
        sent = [{"image": handle_file(photo), "caption": None} for photo in photos]
        client.predict(photos=sent, preset=PRESET, size="512", consent=True, api_name="/animate")
        return time.perf_counter() - start
    finally:
        client.close()


def visit_at_once(server: Server, folder: Path) -> list[float]:
    """Seconds that each of several visitors, all at once, waits for a clip; each has a picture of their own."""

    def visit(number: int) -> float:
        photo = folder / f"visitor{number}.jpg"
        Image.fromarray(np.roll(load_photo(PHOTO).pixels, number, axis=1)).save(photo, quality=95)
        return animate_once(server.url, [photo], folder)

    with ThreadPoolExecutor(VISITORS) as pool:
        return list(pool.map(visit, range(VISITORS)))


def many_photos(folder: Path) -> list[Path]:
    """As many photos as may be given, each different, beside the first as large as photos are kept."""
    limits = Limits()
    large = Image.fromarray(load_photo(PHOTO).pixels).resize((limits.photo_side, limits.photo_side))
    paths = [folder / f"other{number}.jpg" for number in range(1, limits.photos)]
    for number, path in enumerate(paths, 1):
        Image.fromarray(np.roll(np.asarray(large), number, axis=1)).save(path, quality=90)
    return [PHOTO, *paths]


@contextmanager
def browser(folder: Path) -> Iterator[Any]:
    """Chromium whose camera shows a face that moves a little."""
    from playwright.sync_api import sync_playwright

    path = folder / "camera.mjpeg"
    pixels = load_photo(PHOTO).pixels
    with path.open("wb") as stream:
        for i in range(50):
            buffer = io.BytesIO()
            shift = round(12 * np.sin(2 * np.pi * i / 50))
            Image.fromarray(np.roll(pixels, shift, axis=1)[:384]).resize((640, 480)).save(buffer, "JPEG")
            stream.write(buffer.getvalue())
    arguments = ["--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    arguments.append(f"--use-file-for-fake-video-capture={path}")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)
        yield launched
        launched.close()


def live_fps(chromium: Any, url: str) -> float:
    """Frames a second that the page itself counts."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, permissions=["camera"])
    page = context.new_page()
    page.goto(url)
    page.locator("#photos input[type=file]").first.set_input_files(BUNDLED.parent / "samples" / "grace_hopper.jpg")
    page.locator("#consent input").check()
    page.get_by_role("tab", name="Live").click()
    page.locator("#live-start").click()
    page.locator(".live-portrait:not([hidden])").wait_for(timeout=60_000)
    time.sleep(4)
    seen: list[float] = []
    until = time.monotonic() + LIVE_SECONDS
    while time.monotonic() < until:
        time.sleep(1)
        seen.append(float(page.locator(".live-fps").inner_text().split()[0]))
    context.close()
    return statistics.median(seen)


def page_seconds(chromium: Any, url: str) -> float:
    """Seconds from the click on "Bring to life" until the clip plays in the page."""
    page = chromium.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.goto(url)
    page.locator("#photos input[type=file]").first.set_input_files(PHOTO)
    page.locator("#photos img").first.wait_for(timeout=60_000)
    page.locator("#consent input").check()
    page.locator("#preset label", has_text="Lively speaker").click()
    start = time.perf_counter()
    page.get_by_role("button", name="Bring to life").click()
    page.wait_for_function("document.querySelector('#clip video')?.currentTime > 0", timeout=120_000)
    seconds = time.perf_counter() - start
    page.context.close()
    return seconds


def measure(work: Path) -> list[Figure]:
    """All figures; `work` is an existing folder that is thrown away afterwards."""
    served, mine = work / "served", work / "mine"
    served.mkdir()
    mine.mkdir()
    server = Server(served)
    try:
        server.wait_until_idle()
        alone = [animate_once(server.url, [PHOTO], mine) for _ in range(3)]
        many = many_photos(mine)
        with_many = animate_once(server.url, many, mine)
        crowd = visit_at_once(server, mine)
        with browser(mine) as chromium:
            shown = page_seconds(chromium, server.url)
            fps = live_fps(chromium, server.url)
        waited = server.wait_until_left()
        left, peak = len(server.files()), server.memory()
    finally:
        server.process.terminate()
        server.process.wait(30)
    after = [path for path in served.rglob("*") if path.is_file() and path.name != ".ses"]
    return [
        Figure("start-up, until the page answers", f"{server.seconds:.1f} s", "≤ 8 s"),
        Figure("5 s clip at 512, through the API (median of 3)", f"{statistics.median(alone):.1f} s", "≤ 6 s"),
        Figure(f"the same with {len(many)} photos of {Limits().photo_side} pixels", f"{with_many:.1f} s", "—"),
        Figure("one photo in the page, until it plays", f"{shown:.1f} s", "≤ 6 s"),
        Figure("live, counted by the page (median)", f"{fps:.1f} fps", "≥ 12 fps"),
        Figure(f"{VISITORS} visitors at once", f"{len(crowd)} served, the last after {max(crowd):.1f} s", "all served"),
        Figure("most memory", f"{peak:.0f} MB", "≤ 1500 MB"),
        Figure(f"visitors' files {waited:.0f} s after they left", str(left), "0"),
        Figure("files after the end", str(len(after)), "0"),
    ]


def main() -> None:
    """Prints the table, Markdown, with the load that the machine had besides."""
    argparse.ArgumentParser(prog="python -m vivant.demo.measure", description="Measures the demo.").parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="vivant-measure-") as work:
        figures = measure(Path(work))
    print(
        f"\n{os.cpu_count()} processors; load before: {load:.1f}\n\n| what | measured | wanted |\n| --- | --- | --- |"
    )
    for figure in figures:
        print(f"| {figure.what} | {figure.value} | {figure.wanted} |")


if __name__ == "__main__":
    main()
