"""onnxruntime-web in headless Chromium: where its WebGPU backend puts nodes, and what graphs give there.

The browser is driven by Playwright; nothing but Chromium and the folder `dist` of the npm package is needed, and
nothing is fetched: graphs, tensors and the runtime come from a server on this machine's own address.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal

import numpy as np
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page, sync_playwright

from ..runtime.errors import VivantError

PAGE: Final = Path(__file__).with_name("browser.html")
RUNTIME: Final = Path(__file__).resolve().parents[1] / "webapp" / "node_modules" / "onnxruntime-web" / "dist"
CHROMIUM: Final = "/usr/bin/chromium"
# Chromium's own software GPU: slow, without half precision in shaders, but the same code that places and runs nodes.
SOFTWARE_GPU: Final = ("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader")
PATIENCE_MS: Final = 240_000
TRIES: Final = 2  # where a page crashes: once in many runs Chromium's renderer dies, whatever the graph
Provider = Literal["webgpu", "wasm"]


class BrowserError(VivantError):
    """Chromium or onnxruntime-web is missing, or a graph failed there."""


@dataclass(frozen=True)
class Placement:
    """Where onnxruntime-web puts a graph's nodes when asked for WebGPU.

    Attributes:
        gpu: number of nodes on the GPU. cpu: nodes left to the CPU, each "Operator (name)".
        to_cpu, to_gpu: tensors copied between the two for that; each copy makes a frame wait.
        failure: why this machine's GPU cannot run the graph all the same; empty if it can. (A software GPU has no half
            precision, for example: nodes are placed before that shows.)
    """

    gpu: int
    cpu: tuple[str, ...]
    to_cpu: tuple[str, ...]
    to_gpu: tuple[str, ...]
    failure: str = ""


@dataclass(frozen=True)
class Ran:
    """outputs by name; milliseconds: the median of the timed runs."""

    outputs: Mapping[str, np.ndarray]
    milliseconds: float


class Browser:
    """Chromium with onnxruntime-web; a context manager. Every call uses a page of its own.

    Args:
        runtime: the folder `dist` of the npm package onnxruntime-web; `VIVANT_ORT_WEB`, or the web app's by default.
        chromium: the browser; the environment variable `CHROMIUM`, or /usr/bin/chromium by default.

    Raises:
        BrowserError: one of them is missing.
    """

    def __init__(self, runtime: Path | None = None, chromium: Path | None = None) -> None:
        self.runtime = runtime or Path(os.environ.get("VIVANT_ORT_WEB", RUNTIME))
        self.chromium = chromium or Path(os.environ.get("CHROMIUM", CHROMIUM))
        if not (self.runtime / "ort.wasm.min.mjs").is_file():
            raise BrowserError(
                f"{self.runtime} holds no onnxruntime-web: run `npm ci` in webapp/, or set VIVANT_ORT_WEB."
            )
        if not self.chromium.is_file():
            raise BrowserError(f"Chromium is not at {self.chromium}: set the environment variable CHROMIUM.")

    def __enter__(self) -> Browser:
        self._server = _Server(self.runtime)
        self._playwright = sync_playwright().start()
        try:
            self._chromium = self._playwright.chromium.launch(
                executable_path=self.chromium,
                headless=True,
                ignore_default_args=["--headless"],
                args=["--headless=new", "--no-sandbox", *SOFTWARE_GPU],
            )
        except PlaywrightError as error:
            self.__exit__(None, None, None)
            raise BrowserError(f"Chromium does not start: {_first_line(error)}") from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._playwright.stop()
        self._server.close()

    @cached_property
    def version(self) -> str:
        """onnxruntime-web's version."""
        return str(json.loads((self.runtime.parent / "package.json").read_text(encoding="utf-8"))["version"])

    def placement(self, graph: bytes, sizes: Mapping[str, int] | None = None) -> Placement:
        """Where a graph's nodes go on WebGPU, as onnxruntime-web's own log tells.

        Args:
            graph: the ONNX file's content. sizes: lengths for named axes (`freeDimensionOverrides`).

        Raises:
            BrowserError: onnxruntime-web cannot load the graph.
        """
        (placed,) = self.placements([graph], sizes)
        if isinstance(placed, BrowserError):
            raise placed
        return placed

    def placements(
        self, graphs: Sequence[bytes], sizes: Mapping[str, int] | None = None
    ) -> list[Placement | BrowserError]:
        """`placement` of many graphs in one page: for each where its nodes go, or why it cannot be loaded."""
        options = {"logSeverityLevel": 0, "logVerbosityLevel": 1, "freeDimensionOverrides": dict(sizes or {})}
        lines: list[str] = []
        request = {"graphs": [self._server.offer(graph) for graph in graphs], "options": options}
        failures = self._ask("place", request, lines)
        starts = [i for i, line in enumerate(lines) if line == "next graph"]
        parts = [lines[a:b] for a, b in itertools.pairwise([*starts, len(lines)])]
        read = [_read_log(part, why) for why, part in zip(failures, parts, strict=True)]
        return [
            placed if placed.gpu or placed.cpu or not placed.failure else BrowserError(placed.failure)
            for placed in read
        ]

    def run(
        self,
        graph: bytes,
        feeds: Mapping[str, np.ndarray],
        provider: Provider,
        threads: int = 1,
        runs: int = 1,
        sizes: Mapping[str, int] | None = None,
    ) -> Ran:
        """Runs a graph: its outputs, and the median time of `runs` runs after two that do not count (if more than 1).

        Raises:
            BrowserError: onnxruntime-web cannot load or run the graph.
        """
        tensors = {
            name: {"url": self._server.offer(np.ascontiguousarray(value).tobytes()), "dtype": str(value.dtype),
                   "dims": list(value.shape)}
            for name, value in feeds.items()
        }  # fmt: skip
        options = {"freeDimensionOverrides": dict(sizes or {}), "logSeverityLevel": 3}
        request = {
            "graph": self._server.offer(graph),
            "feeds": tensors,
            "provider": provider,
            "threads": threads,
            "runs": runs,
            "options": options,
        }
        told = self._ask("run", request)
        outputs = {
            name: np.frombuffer(self._server.taken(info["url"]), info["dtype"]).reshape(info["dims"])
            for name, info in told["outputs"].items()
        }
        return Ran(outputs, float(told["milliseconds"]))

    def has_half(self) -> bool:
        """Whether the GPU's shaders know half precision (`shader-f16`)."""
        return bool(self._ask("hasHalf", {}))

    def _ask(
        self, function: str, argument: Mapping[str, Any], lines: list[str] | None = None, tries: int = TRIES
    ) -> Any:
        """What a function of a fresh page returns; `lines` takes what it logs."""
        try:
            with _Opened(self, lines) as page:
                return page.evaluate(f"(argument) => host.{function}(argument)", dict(argument))
        except PlaywrightError as error:
            if tries > 1 and "crashed" in str(error):
                if lines is not None:
                    lines.clear()
                return self._ask(function, argument, lines, tries - 1)
            raise BrowserError(f"onnxruntime-web failed: {_first_line(error)}") from None
        finally:
            self._server.withdraw()


class _Opened:
    """A fresh page; `lines` takes what it logs."""

    def __init__(self, browser: Browser, lines: list[str] | None = None) -> None:
        self.browser, self.lines = browser, lines

    def __enter__(self) -> Page:
        self.page = self.browser._chromium.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        if (lines := self.lines) is not None:
            self.page.on("console", lambda message: lines.append(message.text))
        self.page.goto(self.browser._server.address)
        self.page.wait_for_function("'host' in globalThis")
        return self.page

    def __exit__(self, *_: object) -> None:
        self.page.close()


class _Server:
    """Serves the page, onnxruntime-web, and what is offered; takes what the page sends."""

    def __init__(self, runtime: Path) -> None:
        self._offered: dict[str, bytes] = {}
        self._taken: dict[str, bytes] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler(runtime))
        self.address = f"http://127.0.0.1:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def offer(self, content: bytes) -> str:
        url = f"/offered/{len(self._offered)}"
        self._offered[url] = content
        return url

    def withdraw(self) -> None:
        self._offered.clear()

    def taken(self, url: str) -> bytes:
        return self._taken.pop(url)

    def _handler(self, runtime: Path) -> type[BaseHTTPRequestHandler]:
        offered, taken = self._offered, self._taken
        kinds = {".mjs": "text/javascript", ".wasm": "application/wasm", ".html": "text/html"}

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.removeprefix("/ort/")
                file = PAGE if self.path == "/" else runtime / name
                if self.path in offered:
                    self._answer(offered[self.path], "application/octet-stream")
                elif self.path == "/" or (re.fullmatch(r"[\w.-]+", name) and file.is_file()):
                    self._answer(file.read_bytes(), kinds.get(file.suffix, "application/octet-stream"))
                else:
                    self.send_error(404)

            def do_POST(self) -> None:
                taken[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
                self._answer(b"", "text/plain")

            def _answer(self, content: bytes, kind: str) -> None:
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                # Without these two no page gets threads.
                self.send_header("Cross-Origin-Opener-Policy", "same-origin")
                self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler


def _read_log(lines: list[str], failure: str) -> Placement:
    def placed(provider: str) -> tuple[int, tuple[str, ...]]:
        start = next((i for i, line in enumerate(lines) if f"placed on [{provider}]" in line), None)
        if start is None:
            return 0, ()
        count = int(re.findall(r"Number of nodes: (\d+)", lines[start])[0])
        return count, tuple(line.split("]")[-1].strip() for line in lines[start + 1 : start + 1 + count])

    def copied(way: str) -> tuple[str, ...]:
        return tuple(found[1] for line in lines if (found := re.search(rf"Add {way} \w+ (\S+) for", line)))

    gpu, _ = placed("WebGpuExecutionProvider")
    _, cpu = placed("CPUExecutionProvider")
    return Placement(gpu, cpu, copied("MemcpyToHost"), copied("MemcpyFromHost"), failure)


def _first_line(error: Exception) -> str:
    return re.sub(r"^Page\.evaluate: (Error: )?", "", str(error).splitlines()[0])
