"""Where the graphs of a bundle run: by the rules, and by what onnxruntime-web says in a real browser."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import onnx

from ..runtime.driver import Progress, no_progress
from ..runtime.session import Bundle
from .browser import Browser, Placement
from .cost import render_sizes
from .integrity import read_entry
from .rules import Fallback, predict_fallbacks

# What a host with WebGPU runs there; the others are small, or use what a GPU has not, and stay in WebAssembly.
ON_GPU: Final = ("render",)


@dataclass(frozen=True)
class Placed:
    """One graph on WebGPU.

    Attributes:
        graph: its name. file: the one that was looked at. wanted: whether it is meant for the GPU.
        predicted: nodes that leave the GPU by the rules. measured: what onnxruntime-web said, None if not asked.
    """

    graph: str
    file: str
    wanted: bool
    predicted: tuple[Fallback, ...]
    measured: Placement | None

    @property
    def failed(self) -> bool:
        """A graph that is meant for the GPU does not stay there."""
        if not self.wanted:
            return False
        return bool(self.measured.cpu if self.measured is not None else self.predicted)


Hosts = Literal["webgpu", "wasm", "all"]


def place_bundle(
    folder: Path, browser: Browser | None, size: int | None = None, progress: Progress = no_progress
) -> list[Placed]:
    """Looks at every graph and variant of a bundle.

    Args:
        browser: asked where nodes really go; None trusts the rules.
        size: fixes the rendered square's side, as a host does with `freeDimensionOverrides`; None leaves it open.
        progress: told of every graph.

    Raises:
        BundleError: the bundle is damaged. BrowserError: onnxruntime-web cannot load a graph.
    """
    bundle = Bundle(folder)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    placed: list[Placed] = []
    entries = _entries(manifest)
    for name, entry, wanted in entries:
        progress("placing", len(placed), len(entries))
        placed.append(_place(name, entry["file"], read_entry(bundle, entry), wanted, browser, size))
    progress("placing", len(placed), len(entries))
    return placed


def _entries(manifest: dict[str, Any]) -> list[tuple[str, dict[str, Any], bool]]:
    """Name, entry, and whether it is meant for the GPU; variants for WebAssembly are not looked at."""
    variants = [(v["graph"], v, True) for v in manifest.get("variants", []) if v["target"] == "webgpu"]
    replaced = {name for name, _, _ in variants}
    own = [
        (name, entry, name in ON_GPU and name not in replaced and manifest.get("target") != "wasm")
        for name, entry in manifest["graphs"].items()
    ]
    return own + variants


def _place(name: str, file: str, content: bytes, wanted: bool, browser: Browser | None, size: int | None) -> Placed:
    model = onnx.load_model_from_string(content)
    sizes = render_sizes(size) if size is not None else {}
    named = {axis.dim_param for value in model.graph.input for axis in value.type.tensor_type.shape.dim}
    known = {key: length for key, length in sizes.items() if key in named}
    measured = browser.placement(content, known) if browser is not None else None
    return Placed(name, file, wanted, tuple(predict_fallbacks(model)), measured)
