"""int8: what is quantised, and how the search decides."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx
import pytest
from vivant.export import quantize
from vivant.export.activation_ranges import LEVELS, best_range
from vivant.export.cost import measure_cost
from vivant.export.frames import Frame
from vivant.export.quality import Loss, measure_loss, render_all
from vivant.export.quantize import (
    BELOW_ZERO,
    FEWEST_MACS,
    KEPT,
    Layer,
    Quantizer,
    Search,
    choose_layers,
    search_layers,
)
from vivant.export.references import GraphBuilder
from vivant.export.surgery import constants_of

SIDE = 64


@pytest.fixture(scope="module")
def painter() -> tuple[onnx.ModelProto, list[Frame]]:
    """A small `render`: three channels in, three convolutions (one can be passed by), bytes out; and pictures."""
    build = GraphBuilder()
    first = build.conv("texture", 3, 16)
    second = build.conv(first, 16, 16)
    build.nodes.append(onnx.helper.make_node("Add", [first, second], ["sum"], "sum"))
    x = build.conv("sum", 16, 4)
    reference = build.graph("painter", x, (1, 3, SIDE, SIDE), 4)
    graph = reference.model.graph
    graph.input[0].name = "texture"
    graph.initializer.append(onnx.numpy_helper.from_array(np.array(300.0, np.float32), "grey"))
    graph.initializer.append(onnx.numpy_helper.from_array(np.array(0.0, np.float32), "low"))
    graph.initializer.append(onnx.numpy_helper.from_array(np.array(255.0, np.float32), "high"))
    graph.initializer.append(onnx.numpy_helper.from_array(np.array([0], np.int64), "first"))
    make = onnx.helper.make_node
    graph.node.extend(
        [
            make("Mul", [x, "grey"], ["levels"]),
            make("Clip", ["levels", "low", "high"], ["clipped"]),
            make("Squeeze", ["clipped", "first"], ["planes"]),
            make("Transpose", ["planes"], ["pixels"], perm=[1, 2, 0]),
            make("Cast", ["pixels"], ["frame"], to=onnx.TensorProto.UINT8),
        ]
    )
    del graph.output[:]
    graph.output.append(onnx.helper.make_tensor_value_info("frame", onnx.TensorProto.UINT8, (SIDE, SIDE, 4)))
    onnx.checker.check_model(reference.model, full_check=True)
    random = np.random.default_rng(5)
    everywhere = {part: np.ones((SIDE, SIDE), bool) for part in ("mouth", "eyes")}
    feeds = [{"texture": random.uniform(0, 1, (1, 3, SIDE, SIDE)).astype(np.float32)} for _ in range(3)]
    return reference.model, [Frame("noise", str(i), feed, everywhere) for i, feed in enumerate(feeds)]


def chosen_for(painter: tuple[onnx.ModelProto, list[Frame]], max_loss: float) -> tuple[onnx.ModelProto, Search]:
    return search_layers(*painter, max_loss)


def test_all_layers_become_int8_if_the_picture_may_lose_enough(painter: tuple[onnx.ModelProto, list[Frame]]) -> None:
    model, search = chosen_for(painter, 50.0)
    assert len(search.chosen) == len(search.layers) == 3
    assert all(layer.macs >= FEWEST_MACS for layer in search.layers)
    weights = {t.name: t for t in model.graph.initializer}
    widened = {node.output[0]: node for node in model.graph.node if node.op_type == "DequantizeLinear"}
    for node in (n for n in model.graph.node if n.op_type == "Conv"):
        stored = widened[node.input[1]]
        assert weights[stored.input[0]].data_type == onnx.TensorProto.INT8
        assert (
            len(onnx.numpy_helper.to_array(weights[stored.input[1]])) == weights[stored.input[0]].dims[0]
        )  # per channel
    assert {node.domain for node in model.graph.node} == {""}
    onnx.checker.check_model(model, full_check=True)


def test_a_relu_between_int8_layers_is_a_clip_of_bytes(
    painter: tuple[onnx.ModelProto, list[Frame]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bit for bit what DequantizeLinear, Relu and QuantizeLinear compute, for readers in int8 and in fp32."""
    model, frames = painter
    quantizer = Quantizer(model, frames)
    bytewise = quantizer.quantize(quantizer.macs)
    onnx.checker.check_model(bytewise, full_check=True)
    monkeypatch.setattr(quantize, "_rectify_bytes", lambda model, relus: None)
    spelled_out = quantizer.quantize(quantizer.macs)
    relus, others = ([n.name for n in m.graph.node if n.op_type == "Relu"] for m in (spelled_out, bytewise))
    (clip,) = [n for n in bytewise.graph.node if n.op_type == "Clip" and n.name != ""]
    assert set(relus) - set(others) == {clip.name}  # what only fp32 reads keeps its Relu
    constants = constants_of(bytewise)
    zero = constants[clip.input[1]]
    assert zero.dtype == np.uint8 and zero == round(LEVELS * BELOW_ZERO / (1 + BELOW_ZERO))
    expected, got = (render_all(m.SerializeToString(), frames) for m in (spelled_out, bytewise))
    np.testing.assert_array_equal(got, expected)
    assert measure_loss(got, render_all(model.SerializeToString(), frames), frames).whole < 3


def test_weights_in_int8_count_as_parameters(painter: tuple[onnx.ModelProto, list[Frame]]) -> None:
    original, _ = painter
    model, _ = chosen_for(painter, 50.0)
    assert measure_cost(model, {}).parameters == measure_cost(original, {}).parameters > 16 * 16 * 9


@pytest.mark.parametrize("kept", KEPT)
def test_layers_by_which_hosts_would_differ_stay_as_they_are(
    painter: tuple[onnx.ModelProto, list[Frame]], kept: str
) -> None:
    model = onnx.ModelProto()
    model.CopyFrom(painter[0])
    last = [node for node in model.graph.node if node.op_type == "Conv"][-1]
    last.name = f"{kept}Conv"
    quantised, search = chosen_for((model, painter[1]), 50.0)
    assert len(search.chosen) == len(search.layers) == 2 and last.name not in search.chosen
    (same,) = [node for node in quantised.graph.node if node.name == last.name]
    assert same.input[1:] == last.input[1:]


def test_no_layer_becomes_int8_if_the_picture_may_lose_nothing(painter: tuple[onnx.ModelProto, list[Frame]]) -> None:
    model, search = chosen_for(painter, 0.0)
    assert search.chosen == ()
    assert not any(node.op_type == "QuantizeLinear" for node in model.graph.node)
    assert [step.accepted for step in search.steps] == [False] * len(search.steps)


def test_the_search_keeps_what_it_promises(painter: tuple[onnx.ModelProto, list[Frame]]) -> None:
    """Between the two: the loss of the chosen layers, measured again, is the one that is told, and is allowed."""
    original, frames = painter
    everything = chosen_for(painter, 50.0)[1].loss.worst_part
    model, search = chosen_for(painter, 0.7 * everything)
    assert 0 < len(search.chosen) < 3
    reference = render_all(original.SerializeToString(), frames)
    loss = measure_loss(render_all(model.SerializeToString(), frames), reference, frames)
    assert loss == search.loss
    assert loss.worst_part <= 0.7 * everything
    assert set(search.chosen) < {layer.name for layer in search.layers}


def test_a_layer_that_does_not_fit_ends_nothing() -> None:
    """Cheap ones behind it are taken all the same."""
    costs = {"a": 0.1, "b": 0.1, "dear": 0.5, "c": 0.05, "hopeless": 9.0, "d": 0.1}

    def loss_of(names: Iterable[str]) -> Loss:
        return Loss(0.0, sum(costs[name] for name in names), 0.0, 1, 60.0)

    layers = [Layer(name, 10, loss_of([name])) for name in costs]
    search = choose_layers(layers, 100, loss_of, 0.3)
    assert search.chosen == ("a", "b", "c")  # d would make 0.35
    assert search.share == 0.3 and search.loss.mouth == pytest.approx(0.25)
    assert all(step.accepted == (step.loss.mouth <= 0.3) for step in search.steps)


def test_the_whole_frame_may_lose_less_than_a_part() -> None:
    assert Loss(0.1, 0.2, 0.0, 1, 60.0).worst_part == pytest.approx(0.3)
    assert Loss(0.01, 0.2, 0.1, 1, 60.0).worst_part == 0.2


def test_quantising_twice_gives_the_same_bytes(painter: tuple[onnx.ModelProto, list[Frame]], tmp_path: Path) -> None:
    first, second = (chosen_for(painter, 50.0)[0].SerializeToString(deterministic=True) for _ in range(2))
    assert first == second


def _error(values: np.ndarray, low: np.ndarray, high: np.ndarray) -> float:
    """Mean squared, of numbers as 8 bits represent them in this range."""
    step = (high - low) / LEVELS
    zero = np.rint(-low / step)
    return float(np.square(values - (np.clip(np.rint(values / step) + zero, 0, LEVELS) - zero) * step).mean())


def test_numbers_far_out_do_not_widen_the_steps_of_all_others() -> None:
    values = np.random.default_rng(1).normal(size=50_000).astype(np.float32)
    values[:3] = 11.0, 12.0, -10.0
    low, high = best_range(values)
    assert -10 < low < -3 and 3 < high < 12
    assert _error(values, low, high) < 0.95 * _error(values, values.min(), values.max())


@pytest.mark.parametrize(
    ("values", "ends"), [([0.0, 0.0], (0, 0)), ([2.0, 3.0, 255.0], (0, 255)), ([-255.0, -1.0], (-255, 0))]
)
def test_a_range_holds_zero(values: list[float], ends: tuple[float, float]) -> None:
    """Padding is 0, which must have a level of its own."""
    assert best_range(np.array(values, np.float32)) == ends
