"""What is rewritten for the CPU's kernels computes what it computed."""

from collections import Counter

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper, parser
from torch.nn import functional as F
from vivant.export.bands import BANDS
from vivant.export.cost import fix_sizes, render_sizes
from vivant.export.cpu import rewrite_for_cpu
from vivant.export.frames import make_frames
from vivant.export.graphs import build_student_graphs
from vivant.export.quality import measure_loss, render_all
from vivant.export.storage import store_compactly
from vivant.export.upsampling import spell_out_resizes
from vivant.models.released import STUDENT
from vivant.models.student import load_student
from vivant.runtime.bench import profile_operators
from vivant.runtime.session import BUNDLED, Bundle

HEADER = '<ir_version: 8, opset_import: ["": 17]>'


def operators(model: onnx.ModelProto) -> Counter[str]:
    return Counter(node.op_type for node in model.graph.node)


def run(model: onnx.ModelProto, **feeds: np.ndarray) -> np.ndarray:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, feeds)[0])


def resize(shape: list[int], sizes: list[int] | None, **attributes: object) -> onnx.ModelProto:
    """One Resize to fixed sizes, or to those that an input `sizes` tells."""
    said = {"mode": "linear", "coordinate_transformation_mode": "half_pixel", **attributes}
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]
    if sizes is None:
        inputs.append(helper.make_tensor_value_info("sizes", TensorProto.INT64, [4]))
    weights = [] if sizes is None else [numpy_helper.from_array(np.array(sizes, np.int64), "sizes")]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, sizes or [*shape[:2], "h", "w"])
    node = helper.make_node("Resize", ["x", "", "", "sizes"], ["y"], "resize", **said)
    graph = helper.make_graph([node], "g", inputs, [output], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def enlarged(x: np.ndarray, sizes: list[int]) -> np.ndarray:
    return F.interpolate(torch.from_numpy(x), tuple(sizes[2:]), mode="bilinear", align_corners=False).numpy()


@pytest.mark.parametrize("factor", [2, 4])
@pytest.mark.parametrize("shape", [[1, 3, 96, 72], [2, 5, 40, 64]])
def test_enlarging_by_a_whole_number_needs_no_resize(factor: int, shape: list[int]) -> None:
    sizes = [*shape[:2], factor * shape[2], factor * shape[3]]
    model = resize(shape, sizes)
    spell_out_resizes(model)
    onnx.checker.check_model(model, full_check=True)
    assert not operators(model)["Resize"]
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    np.testing.assert_allclose(run(model, x=x), enlarged(x, sizes), atol=1e-6)
    plain = np.full(shape, 255.0, np.float32)
    np.testing.assert_array_equal(run(model, x=plain), 255.0)  # nothing is added where nothing changes


def test_of_a_size_told_at_run_time_twice_is_looked_for() -> None:
    shape = [1, 3, 80, 80]
    model = resize(shape, None)
    spell_out_resizes(model)
    onnx.checker.check_model(model, full_check=True)
    assert operators(model)["If"] == 1
    x = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    feeds = [{"x": x, "sizes": np.array([1, 3, side, side])} for side in (160, 80, 101, 320, 40)]
    expected = [run(resize(shape, None), **told) for told in feeds]
    for told, picture in zip(feeds, expected, strict=True):
        np.testing.assert_allclose(run(model, **told), picture, atol=1e-6)
    store_compactly(model)  # also with what a branch reads from around it
    np.testing.assert_allclose(run(model, **feeds[0]), expected[0], atol=1e-6)


@pytest.mark.parametrize(
    "model",
    [
        resize([1, 1, 16, 16], [1, 1, 32, 32]),  # small
        resize([1, 3, 96, 96], [1, 3, 288, 288]),  # three times
        resize([1, 3, 96, 96], [1, 3, 192, 384]),  # not alike
        resize([1, 3, 96, 96], [1, 3, 48, 48]),
        resize([1, 3, 96, 96], [1, 3, 192, 192], mode="nearest"),
        resize([1, 3, 96, 96], [1, 3, 192, 192], mode="cubic"),
        resize([1, 3, 96, 96], [1, 3, 192, 192], coordinate_transformation_mode="align_corners"),
        resize([1, 3, 96, 96], [1, 3, 192, 192], coordinate_transformation_mode="asymmetric"),
    ],
)
def test_other_resizes_stay(model: onnx.ModelProto) -> None:
    before = model.SerializeToString()
    spell_out_resizes(model)
    assert model.SerializeToString() == before


BOUNDS = """
g (float[8,8] x) => (float[8,8] a, float[8,8] b, float[8,8] c, float[8,8] d) <float low = {-0.5}, float high = {0.25}> {
    a = Clip(x, low, high)
    b = Clip(x, low)
    c = Clip(x, , high)
    d = Clip(x)
}
"""


def test_bounds_are_kept_by_max_and_min() -> None:
    model = parser.parse_model(HEADER + BOUNDS)
    rewritten = rewrite_for_cpu(model)
    assert operators(rewritten) == {"Max": 2, "Min": 2, "Clip": 1}
    x = np.random.default_rng(2).normal(size=(8, 8)).astype(np.float32)
    sessions = [ort.InferenceSession(m.SerializeToString()) for m in (model, rewritten)]
    for expected, got in zip(*(session.run(None, {"x": x}) for session in sessions), strict=True):
        np.testing.assert_array_equal(got, expected)


RECTIFIED = """
g (float[1,4,8,8] x) => (float[1,4,8,8] a, float[1,4,8,8] b, uint8[1,4,8,8] c, float[1,4,8,8] d)
    <float scale = {0.1}, uint8 zero = {0}> {
    one = Conv<pads = [1, 1, 1, 1]>(x, w)
    a = Relu(one)
    two = Conv<pads = [1, 1, 1, 1]>(x, w)
    three = Add(two, x)
    b = Relu(three)
    four = Add(x, x)
    five = Relu(four)
    c = QuantizeLinear(five, scale, zero)
    six = Mul(x, x)
    seven = Sub(six, x)
    d = Relu(seven)
}
"""


def test_only_a_relu_that_nothing_takes_in_is_replaced() -> None:
    model = parser.parse_model(HEADER + RECTIFIED)
    weight = np.random.default_rng(3).normal(size=(4, 4, 3, 3)).astype(np.float32)
    model.graph.initializer.append(numpy_helper.from_array(weight, "w"))
    rewritten = rewrite_for_cpu(model)
    assert operators(rewritten) == operators(model) - Counter({"Relu": 1}) + Counter({"Max": 1})
    assert [node.output[0] for node in rewritten.graph.node if node.op_type == "Max"] == ["d"]
    x = np.random.default_rng(4).normal(size=(1, 4, 8, 8)).astype(np.float32)
    sessions = [ort.InferenceSession(m.SerializeToString()) for m in (model, rewritten)]
    for expected, got in zip(*(session.run(None, {"x": x}) for session in sessions), strict=True):
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize(("rows", "columns"), [(64, 40), (101, 30), (9, 5)])
def test_a_large_picture_is_sampled_in_bands(rows: int, columns: int) -> None:
    """However many rows there are: all of them, each once."""
    text = "g (float[1,3,H,W] x, float[1,h,w,2] grid) => (float[1,3,h,w] y) { y = GridSample(x, grid) }"
    model = parser.parse_model(HEADER + text)
    rewritten = rewrite_for_cpu(model)
    assert operators(rewritten)["GridSample"] == BANDS
    random = np.random.default_rng(rows)
    x = random.normal(size=(1, 3, 50, 70)).astype(np.float32)
    grid = random.uniform(-1.1, 1.1, (1, rows, columns, 2)).astype(np.float32)
    np.testing.assert_array_equal(run(rewritten, x=x, grid=grid), run(model, x=x, grid=grid))


@pytest.mark.parametrize(("side", "bands"), [(1023, BANDS), (511, 1)])
def test_a_picture_of_known_size_is_sampled_in_bands_if_it_is_large(side: int, bands: int) -> None:
    text = (
        f"g (float[1,3,{side},{side}] x, float[1,64,64,2] grid) => (float[1,3,64,64] y) {{ y = GridSample(x, grid) }}"
    )
    assert operators(rewrite_for_cpu(parser.parse_model(HEADER + text)))["GridSample"] == bands


def test_the_shipped_render_shows_what_torch_wrote_at_every_size() -> None:
    """At twice the maps' raster, at the raster's own size, and at one that is neither."""
    written = build_student_graphs(load_student(STUDENT)[0])["render"]
    shipped = Bundle(BUNDLED).content("render")
    for size in (512, 256, 300):
        frames = make_frames(Bundle(BUNDLED), size=size, count=2)
        pictures = render_all(shipped, frames)
        loss = measure_loss(pictures, render_all(written.SerializeToString(), frames), frames)
        assert loss.largest <= 1
        assert loss.whole < 1e-4
        assert (pictures[0] != pictures[1]).any()


def test_with_its_size_known_the_shipped_render_decides_nothing() -> None:
    model = onnx.load_model_from_string(Bundle(BUNDLED).content("render"))
    assert operators(model)["If"] == 3
    assert not operators(model)["Clip"]
    for size in (256, 512):
        assert not operators(fix_sizes(model, render_sizes(size)))["If"]


def test_a_profile_tells_what_an_if_ran_and_not_the_if_too() -> None:
    frame = make_frames(Bundle(BUNDLED), size=512, count=1)[0]
    told = {o.operator: o for o in profile_operators(Bundle(BUNDLED).content("render"), frame.feeds, runs=1)}
    assert "If" not in told and "Pad" in told
    assert sum(operator.share for operator in told.values()) == pytest.approx(1.0)
