"""Rewrites of graphs: they compute what they computed, in what the target can run."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import numpy_helper, parser
from vivant.export.cost import measure_cost
from vivant.export.half import emulate_half, to_half
from vivant.export.metadata import stamp
from vivant.export.references import make_convolutions, make_unet
from vivant.export.rules import load_table, predict_fallbacks
from vivant.export.storage import store_compactly
from vivant.export.surgery import widen_weights
from vivant.export.webgpu import rewrite_for_webgpu

HEADER = '<ir_version: 8, opset_import: ["": 17]>'
BOOLEANS = """
g (float[4] a, float[4] b) => (float[4] y) <float half = {0.5}> {
    left = Less(a, half)
    right = Less(b, half)
    same = Equal(left, right)
    y = Where(same, a, b)
}
"""


def run(model: onnx.ModelProto, **feeds: np.ndarray) -> np.ndarray:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, feeds)[0])


def convolution(channels: int) -> onnx.ModelProto:
    text = f"g (float[1,{channels},6,6] x) => (float[1,4,6,6] y) {{ y = Conv<pads = [1, 1, 1, 1]>(x, w) }}"
    model = parser.parse_model(HEADER + text)
    weight = np.random.default_rng(0).normal(size=(4, channels, 3, 3)).astype(np.float16).astype(np.float32)
    model.graph.initializer.append(numpy_helper.from_array(weight, "w"))
    return model


def test_truth_values_are_compared_as_numbers() -> None:
    model = parser.parse_model(HEADER + BOOLEANS)
    assert [fallback.operator for fallback in predict_fallbacks(model)] == ["Equal"]
    rewritten = rewrite_for_webgpu(model)
    assert predict_fallbacks(rewritten) == []
    a, b = np.array([0, 1, 0, 1], np.float32), np.array([1, 0, 0.2, 3], np.float32)
    np.testing.assert_array_equal(run(rewritten, a=a, b=b), run(model, a=a, b=b))


@pytest.mark.parametrize(("channels", "expected"), [(3, 3), (4, 4), (9, 12), (10, 12), (64, 64)])
@pytest.mark.parametrize("stored_half", [False, True])
def test_channels_are_filled_up_to_a_multiple_of_four(channels: int, expected: int, stored_half: bool) -> None:
    model = convolution(channels)
    if stored_half:
        store_compactly(model)
    rewritten = rewrite_for_webgpu(model)
    widen_weights(rewritten)
    (weight,) = (t for t in rewritten.graph.initializer if len(t.dims) == 4)
    assert weight.dims[1] == expected
    x = np.random.default_rng(1).normal(size=(1, channels, 6, 6)).astype(np.float32)
    np.testing.assert_allclose(run(rewritten, x=x), run(model, x=x), atol=1e-5)


def test_half_precision_is_between_convolutions_only() -> None:
    unet = make_unet("small", 8, 32)
    half = to_half(unet.model)
    kinds = {tensor.name: tensor.data_type for tensor in half.graph.initializer}
    for node in half.graph.node:
        if node.op_type == "Conv":
            assert kinds[node.input[1]] == onnx.TensorProto.FLOAT16
    casts = [node for node in half.graph.node if node.op_type == "Cast"]
    assert len(casts) == 2  # in and out: nothing else between convolutions
    assert half.graph.output[0].type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    x = np.random.default_rng(2).normal(size=unet.shape).astype(np.float32)
    exact, rounded = run(unet.model, x=x), run(emulate_half(half), x=x)
    difference = np.abs(exact - rounded).max() / np.abs(exact).max()
    assert 1e-5 < difference < 5e-3  # it is rounded, and to eleven bits


def test_what_computes_a_shape_is_predicted_to_leave_the_gpu() -> None:
    text = "g (float[N] x) => (float[M] y) { s = Shape(x) z = Cast<to = 1>(s) y = Mul(z, z) }"
    predicted = predict_fallbacks(parser.parse_model(HEADER + text))
    assert [fallback.operator for fallback in predicted] == ["Cast"]
    assert "int64" in predicted[0].why


def test_newer_grid_samples_and_computed_bounds_are_predicted() -> None:
    sample = "g (float[1,2,4,4] x, float[1,3,3,2] w) => (float[1,2,3,3] y) { y = GridSample(x, w) }"
    newer = parser.parse_model('<ir_version: 8, opset_import: ["": 20]>' + sample)
    assert predict_fallbacks(parser.parse_model(HEADER + sample)) == []
    assert "opset 20" in predict_fallbacks(newer)[0].why
    clip = "g (float[4] x, float low, float high) => (float[4] y) { y = Clip(x, low, high) }"
    assert "read on the CPU" in predict_fallbacks(parser.parse_model(HEADER + clip))[0].why


def test_every_rule_that_bars_an_operator_says_what_to_write_instead() -> None:
    rules = load_table().rules.values()
    assert all(rule.instead for rule in rules if not rule.types)
    assert {"Conv", "GridSample", "Resize", "Softmax"} <= {rule.operator for rule in rules}


def test_cost_of_a_known_graph() -> None:
    reference = make_convolutions(64, 16, count=3)
    cost = measure_cost(reference.model, {})
    assert cost.convolutions == cost.macs == 3 * 64 * 64 * 9 * 16 * 16
    assert cost.parameters == 3 * 64 * 64 * 9
    assert cost.sampling == 0


def test_metadata_replaces_what_the_tools_left() -> None:
    model = convolution(4)
    model.metadata_props.add(key="onnxsim.removed_nodes", value="x" * 1000)
    stamp(model, {"licence": "CC-BY-NC-4.0", "graph": "render"})
    assert {p.key: p.value for p in model.metadata_props} == {"graph": "render", "licence": "CC-BY-NC-4.0"}
    assert model.producer_name == "vivant"
