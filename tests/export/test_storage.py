"""How graphs are stored: exactly, or to 8 bits; ONNX Runtime restores all of it when it loads a graph."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper, parser
from vivant.export.half import emulate_half, to_half
from vivant.export.references import make_unet
from vivant.export.storage import store_compactly
from vivant.export.surgery import RESTORING, constants_of, widen_weights
from vivant.export.weight_rounding import LEVELS, is_rounded, round_channels, round_weights
from vivant.models.compose import border_window
from vivant.models.geometry import pixel_grid
from vivant.runtime.session import BUNDLED

HEADER = '<ir_version: 8, opset_import: ["": 17]>'
RANDOM = np.random.default_rng(11)
CONSTANTS = {
    "halves": RANDOM.normal(size=(5, 77)).astype(np.float16).astype(np.float32),
    "any numbers": RANDOM.normal(size=(5, 77)).astype(np.float32),
    "two numbers, one a negative zero": np.where(RANDOM.random((64, 50)) < 0.5, -0.0, 0.1).astype(np.float32),
    "six hundred numbers": RANDOM.normal(size=600).astype(np.float32)[RANDOM.integers(0, 600, (96, 96))],
    "pixel centres": pixel_grid(96).numpy(),
    "pixel centres, planes first": pixel_grid(96).T.numpy().copy(),
    "pixel centres, raster": pixel_grid(24).reshape(1, 24, 24, 2).numpy(),
    "window": border_window(160).numpy(),
    "small": np.arange(5, dtype=np.float32),
    "indices": RANDOM.permutation(478),
    "negative indices": -RANDOM.permutation(100),
    "large integers": RANDOM.integers(0, 2**40, 100),
}


def passes_on(constant: np.ndarray) -> onnx.ModelProto:
    """A graph that gives back a constant, unless its input `take` is false."""
    kind = helper.np_dtype_to_tensor_dtype(constant.dtype)
    text = """g (bool[1] take) => (y) {
        z = Sub(constant, constant)
        y = Where(take, constant, z)
    }"""
    model = parser.parse_model(HEADER + text)
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info("y", kind, constant.shape))
    model.graph.initializer.append(numpy_helper.from_array(constant, "constant"))
    return model


def run(model: onnx.ModelProto, **feeds: np.ndarray) -> np.ndarray:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, feeds)[0])


def operators_run(model: onnx.ModelProto, folder: Path) -> list[str]:
    """What is left of a graph once ONNX Runtime has loaded it."""
    options = ort.SessionOptions()
    options.optimized_model_filepath = str(folder / "loaded.onnx")
    options.log_severity_level = 3
    ort.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    return sorted(node.op_type for node in onnx.load(folder / "loaded.onnx").graph.node)


def copy_of(model: onnx.ModelProto) -> onnx.ModelProto:
    return onnx.ModelProto.FromString(model.SerializeToString())


@pytest.mark.parametrize("name", CONSTANTS)
def test_constants_come_back_bit_for_bit_before_anything_runs(name: str, tmp_path: Path) -> None:
    constant = CONSTANTS[name]
    model = passes_on(constant)
    stored = copy_of(model)
    store_compactly(stored)
    onnx.checker.check_model(stored, full_check=True)
    assert stored.ByteSize() <= model.ByteSize() + 8  # the name t0
    np.testing.assert_array_equal(run(stored, take=np.array([True])), constant)
    assert constants_of(stored)["constant"].tobytes() == constant.tobytes()
    assert operators_run(stored, tmp_path) == operators_run(model, tmp_path)


@pytest.mark.parametrize(
    ("name", "bytes_each"),
    [
        ("halves", 2.6),
        ("two numbers, one a negative zero", 1.1),
        ("six hundred numbers", 2.5),
        ("pixel centres", 0.1),
        ("pixel centres, planes first", 0.1),
        ("window", 0.1),
        ("indices", 4.4),
        ("negative indices", 5),
    ],
)
def test_constants_take_few_bytes(name: str, bytes_each: float) -> None:
    model = passes_on(CONSTANTS[name])
    store_compactly(model)
    assert model.ByteSize() - 120 < bytes_each * CONSTANTS[name].size


def test_storing_twice_is_storing_once() -> None:
    for constant in CONSTANTS.values():
        model = passes_on(constant)
        store_compactly(model)
        once = model.SerializeToString(deterministic=True)
        store_compactly(model)
        assert model.SerializeToString(deterministic=True) == once
        widen_weights(model)
        assert not {node.op_type for node in model.graph.node} & RESTORING
        store_compactly(model)
        assert model.SerializeToString(deterministic=True) == once


@pytest.mark.parametrize("graph", ["detect", "render", "encode"])
def test_stored_graphs_keep_inputs_outputs_and_node_names(graph: str) -> None:
    """`detect` has a loop, whose body reads what is computed outside."""
    model = onnx.load(BUNDLED / f"{graph}.onnx")
    stored = copy_of(model)
    store_compactly(stored)
    onnx.checker.check_model(stored, full_check=True)
    assert (list(stored.graph.input), list(stored.graph.output)) == (list(model.graph.input), list(model.graph.output))
    assert stored.ByteSize() <= model.ByteSize()
    widen_weights(model)
    names = {node.name for node in model.graph.node if node.op_type != "Constant"}
    assert names <= {node.name for node in stored.graph.node}


def test_rounded_weights_are_within_half_a_step() -> None:
    weight = RANDOM.normal(size=(8, 16, 3, 3)) * np.logspace(-4, 4, 8).reshape(-1, 1, 1, 1)
    weight[3] = 0
    levels, scale = round_channels(weight)
    assert levels.dtype == np.int8
    assert np.abs(levels.astype(int)).max() == LEVELS
    assert (scale[4:].astype(np.float16) == scale[4:]).all()
    assert (np.abs(levels * scale - weight) <= 0.51 * scale).all()
    assert (scale * LEVELS <= np.abs(weight).max((1, 2, 3), keepdims=True))[weight.any((1, 2, 3))].all()
    assert (levels[3] == 0).all()


@pytest.mark.parametrize("half", [False, True])
def test_only_large_convolutions_are_rounded_and_what_runs_is_the_same(half: bool, tmp_path: Path) -> None:
    unet = make_unet("small", 16, 32)
    model = to_half(unet.model) if half else unet.model
    rounded = copy_of(model)
    round_weights(rounded)
    store_compactly(rounded)
    onnx.checker.check_model(rounded, full_check=True)
    before, after = constants_of(model), constants_of(rounded)
    stored = {tensor.name: tensor.data_type for tensor in rounded.graph.initializer}
    read = [node.input[1] for node in rounded.graph.node if node.op_type == "Conv"]
    assert {before[name].size >= 2048 for name in read} == {True, False}
    for name in read:
        assert after[name].dtype == before[name].dtype
        assert (stored.get(f"{name}_levels") == TensorProto.INT8) == (before[name].size >= 2048)
        step = float(np.abs(before[name]).max()) / LEVELS if before[name].size >= 2048 else 0.0
        assert np.abs(after[name].astype(float) - before[name]).max() <= 0.6 * step
    assert operators_run(rounded, tmp_path) == operators_run(model, tmp_path)
    x = RANDOM.normal(size=unet.shape).astype(np.float32)
    exact, other = (run(emulate_half(m) if half else m, x=x) for m in (model, rounded))
    assert 1e-5 < np.abs(exact - other).max() / np.abs(exact).max() < 0.05


def convolution(weight: np.ndarray) -> onnx.ModelProto:
    outputs, channels = weight.shape[:2]
    text = f"g (float[1,{channels},16,16] x) => (float[1,{outputs},16,16] y) {{ y = Conv(x, w, b) }}"
    model = parser.parse_model(HEADER + text)
    model.graph.initializer.append(numpy_helper.from_array(weight.astype(np.float32), "w"))
    model.graph.initializer.append(numpy_helper.from_array(np.zeros(len(weight), np.float32), "b"))
    return model


def test_biases_take_back_what_rounding_adds_on_average() -> None:
    model = convolution(RANDOM.normal(size=(64, 64, 1, 1)))
    runs = [{"x": RANDOM.uniform(0, 1, (1, 64, 16, 16)).astype(np.float32)} for _ in range(3)]
    plain, corrected = copy_of(model), copy_of(model)
    round_weights(plain)
    round_weights(corrected, runs[:2])
    errors = [run(m, **runs[2]) - run(model, **runs[2]) for m in (plain, corrected)]
    means = [np.abs(error.mean((0, 2, 3))).mean() for error in errors]
    assert 0 < means[1] < 0.2 * means[0]


def test_layers_that_would_lose_too_much_keep_their_precision() -> None:
    """Every channel has one large weight, on an input that is always 0: on its scale the others are nothing."""
    weight = RANDOM.normal(size=(64, 64, 1, 1))
    weight[:, 0] *= 1e3
    x = RANDOM.normal(size=(1, 64, 16, 16)).astype(np.float32)
    x[:, 0] = 0
    model, unaware = convolution(weight), convolution(weight)
    round_weights(model, [{"x": x}])
    round_weights(unaware)
    assert (is_rounded(model), is_rounded(unaware)) == (False, True)


def test_rounding_what_is_rounded_changes_nothing() -> None:
    """A default export takes the tracker from the shipped bundle, whose weights are rounded."""
    for graph in ("detect_far", "track"):
        model = onnx.load(BUNDLED / f"{graph}.onnx")
        round_weights(model)
        store_compactly(model)
        once = model.SerializeToString(deterministic=True)
        round_weights(model)
        store_compactly(model)
        assert model.SerializeToString(deterministic=True) == once


def test_windows_are_the_same_in_torch_and_in_few_numbers() -> None:
    """Falls off with the larger of |x| and |y|: it is the lesser of what rows and columns give."""
    window = border_window(256)[0, 0]
    assert torch.equal(torch.minimum(window.amax(0), window.amax(1)[:, None]), window)
