"""What onnxruntime-web really does in Chromium: where nodes go, and that convolutions come out right."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from conftest import Command
from onnx import numpy_helper, parser
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page
from vivant.export.browser import CHROMIUM, RUNTIME, TRIES, Browser, BrowserError, _Opened
from vivant.export.references import make_unet
from vivant.export.rules import check_rules, predict_fallbacks
from vivant.export.storage import store_compactly
from vivant.export.surgery import RESTORING, put_constants
from vivant.export.wasm import time_in_wasm
from vivant.export.webgpu import rewrite_for_webgpu
from vivant.export.weight_rounding import round_weights
from vivant.models.compose import border_window
from vivant.runtime.session import BUNDLED

HEADER = '<ir_version: 8, opset_import: ["": 17]>'


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not RUNTIME.is_dir() or not Path(CHROMIUM).is_file():
        pytest.skip("Chromium or webapp/node_modules is not here: `make web browsers` brings both")
    with Browser() as opened:
        yield opened


def test_the_rules_are_those_of_the_pinned_runtime(browser: Browser) -> None:
    """Every operator of the table with every type, placed by onnxruntime-web itself."""
    assert check_rules(browser) == []


def test_the_shipped_render_after_rewriting_leaves_no_node_to_the_cpu_but_its_sizes(browser: Browser) -> None:
    """Rules and runtime agree on the released graph; with its sizes known, nothing is left of what computes them."""
    model = onnx.load(str(BUNDLED / "render.onnx"))
    before = browser.placement(model.SerializeToString())
    assert before.cpu
    assert before.to_cpu
    rewritten = rewrite_for_webgpu(model)
    after = browser.placement(rewritten.SerializeToString(), {"S": 256, "T": 511})
    assert not [node for node in after.cpu if node.startswith("Equal")]
    assert len(after.cpu) < len(before.cpu)
    assert {f.operator for f in predict_fallbacks(rewritten)} < {f.operator for f in predict_fallbacks(model)}


@pytest.mark.parametrize("channels", [9, 10])
def test_convolutions_of_odd_channels_are_right_on_the_gpu_once_filled_up(browser: Browser, channels: int) -> None:
    text = f"g (float[1,{channels},16,16] x) => (float[1,8,16,16] y) {{ y = Conv<pads = [1, 1, 1, 1]>(x, w) }}"
    model = parser.parse_model(HEADER + text)
    random = np.random.default_rng(channels)
    model.graph.initializer.append(
        numpy_helper.from_array(random.normal(size=(8, channels, 3, 3)).astype(np.float32), "w")
    )
    x = random.normal(size=(1, channels, 16, 16)).astype(np.float32)
    (expected,) = ort.InferenceSession(model.SerializeToString()).run(None, {"x": x})
    filled = rewrite_for_webgpu(model).SerializeToString()
    np.testing.assert_allclose(browser.run(filled, {"x": x}, "webgpu").outputs["y"], np.asarray(expected), atol=1e-3)


STORED = """
g (float[96,96] x, float[1,64,16,16] z) => (float[96,96] y, float[1,64,16,16] v) {
    a = Add(x, window)
    b = Mul(a, texture)
    c = Add(b, signs)
    d = Mul(c, halves)
    y = Gather(d, order)
    v = Conv(z, weight)
}
"""


def test_what_restores_stored_constants_is_gone_once_a_graph_is_loaded(browser: Browser) -> None:
    random = np.random.default_rng(3)
    constants = {
        "window": border_window(96)[0, 0].numpy(),
        "texture": random.normal(size=600).astype(np.float32)[random.integers(0, 600, (96, 96))],
        "signs": np.sign(random.normal(size=(96, 96))).astype(np.float32),
        "halves": random.normal(size=(96, 96)).astype(np.float16).astype(np.float32),
        "order": random.permutation(96),
        "weight": random.normal(size=(64, 64, 1, 1)).astype(np.float32),
    }
    plain, stored = parser.parse_model(HEADER + STORED), parser.parse_model(HEADER + STORED)
    for model in (plain, stored):
        put_constants(model, constants)
    round_weights(stored)
    store_compactly(stored)
    assert {node.op_type for node in stored.graph.node} >= RESTORING - {"Reshape"}
    before, after = browser.placements([plain.SerializeToString(), stored.SerializeToString()])
    assert before == after
    assert not isinstance(after, BrowserError)


def test_webassembly_gives_what_native_gives_and_tells_its_time(browser: Browser) -> None:
    unet = make_unet("small", 8, 32)
    content = unet.model.SerializeToString()
    x = np.random.default_rng(0).normal(size=unet.shape).astype(np.float32)
    (expected,) = ort.InferenceSession(content).run(None, {"x": x})
    ran = browser.run(content, {"x": x}, "wasm", threads=2, runs=3)
    (got,) = ran.outputs.values()
    np.testing.assert_allclose(got, np.asarray(expected), atol=1e-4)
    assert ran.milliseconds > 0
    timing = time_in_wasm({"small": (content, {"x": x})}, runs=3)["small"]
    assert 0 < timing.wall < 10_000
    assert timing.cpu > 0


def test_graphs_that_the_browser_cannot_load_are_told_by_a_sentence(browser: Browser) -> None:
    with pytest.raises(BrowserError, match="session"):
        browser.placement(b"no graph")
    with pytest.raises(BrowserError, match="onnxruntime-web failed"):
        browser.run(b"no graph", {}, "wasm")


@pytest.mark.parametrize("crashes", [1, 2])
def test_a_page_that_crashes_is_opened_once_more(
    browser: Browser, monkeypatch: pytest.MonkeyPatch, crashes: int
) -> None:
    opened: list[Page] = []
    enter = _Opened.__enter__

    def crashing(self: _Opened) -> Page:
        opened.append(enter(self))
        if len(opened) <= crashes:
            with suppress(PlaywrightError):
                opened[-1].goto("chrome://crash")
        return opened[-1]

    monkeypatch.setattr(_Opened, "__enter__", crashing)
    content = make_unet("small", 8, 32).model.SerializeToString()
    if crashes < TRIES:
        placed = browser.placement(content)
        assert placed.gpu > 0 and not placed.cpu
    else:
        with pytest.raises(BrowserError, match="crashed"):
            browser.placement(content)
    assert len(opened) == TRIES


def test_missing_parts_are_named(tmp_path: Path) -> None:
    with pytest.raises(BrowserError, match="holds no onnxruntime-web"):
        Browser(runtime=tmp_path)
    (tmp_path / "ort.wasm.min.mjs").touch()
    with pytest.raises(BrowserError, match="Chromium is not at"):
        Browser(runtime=tmp_path, chromium=tmp_path / "chromium")


def test_the_command_fails_if_the_render_meant_for_webgpu_leaves_it(vivant: Command, standin_folder: Path) -> None:
    """By the rules alone: the stand-in's `render` computes shapes."""
    ran = vivant("placement", "--no-browser", "--bundle", standin_folder)
    assert ran.code == 1
    assert "do not stay there: render.onnx" in ran.err
    assert "Instead:" in ran.out


def test_the_command_tells_of_every_graph_and_passes_the_shipped_bundle(vivant: Command) -> None:
    ran = vivant("placement", "--no-browser", "--bundle", BUNDLED)
    assert ran.code == 0
    graphs = json.loads((BUNDLED / "manifest.json").read_text())["graphs"]
    for file in (*(entry["file"] for entry in graphs.values()), "render.webgpu-fp32.onnx"):
        assert f" {file} " in ran.out
