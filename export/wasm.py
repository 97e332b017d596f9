"""Milliseconds in onnxruntime-web's WebAssembly, by Node.js: the same binary that browsers run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from .browser import RUNTIME, BrowserError

SCRIPT: Final = Path(__file__).with_name("wasm.mjs")
PATIENCE: Final = 600  # seconds


@dataclass(frozen=True)
class WasmTiming:
    """Median milliseconds of one run: on the wall's clock, and of processor time (all threads together)."""

    wall: float
    cpu: float


def time_in_wasm(
    graphs: Mapping[str, tuple[bytes, Mapping[str, np.ndarray]]], threads: int = 1, runs: int = 25
) -> dict[str, WasmTiming]:
    """Times graphs.

    Args:
        graphs: by any name, the ONNX file's content and its inputs (float32, uint8, int64).

    Raises:
        BrowserError: Node.js or onnxruntime-web is missing, or a graph fails there.
    """
    runtime = Path(os.environ.get("VIVANT_ORT_WEB", RUNTIME))
    node = shutil.which("node")
    if node is None or not (runtime / "ort.node.min.mjs").is_file():
        raise BrowserError("Timing WebAssembly needs Node.js, and onnxruntime-web: run `npm ci` in webapp/.")
    with tempfile.TemporaryDirectory() as folder:
        jobs = [_job(Path(folder), i, name, graph, feeds) for i, (name, (graph, feeds)) in enumerate(graphs.items())]
        request = {"runtime": str(runtime.resolve()), "threads": threads, "runs": runs, "jobs": jobs}
        ran = subprocess.run(
            [node, str(SCRIPT)], input=json.dumps(request), capture_output=True, text=True, timeout=PATIENCE
        )
    if ran.returncode:
        told = [line for line in ran.stderr.splitlines() if "Error" in line] or ["it ended without a word"]
        raise BrowserError(f"onnxruntime-web failed under Node.js: {told[0].strip()}")
    return {entry["name"]: WasmTiming(entry["wallMs"], entry["cpuMs"]) for entry in json.loads(ran.stdout)}


def _job(folder: Path, index: int, name: str, graph: bytes, feeds: Mapping[str, np.ndarray]) -> dict[str, Any]:
    path = folder / f"{index}.onnx"
    path.write_bytes(graph)
    told = {}
    for key, value in feeds.items():
        file = folder / f"{index}-{key}"
        file.write_bytes(np.ascontiguousarray(value).tobytes())
        told[key] = [str(file), str(value.dtype), list(value.shape)]
    return {"name": name, "graph": str(path), "feeds": told}
