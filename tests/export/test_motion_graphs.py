import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from made_faces import person, photograph, turn, with_eyes, with_mouth
from vivant.export.motion_graphs import build_motion_graphs
from vivant.export.to_onnx import OPSET
from vivant.models.head import Head
from vivant.models.motion import Motion, Retarget

# Operators that the WebGPU backend of ONNX Runtime Web has no kernel for, or that unroll badly.
UNWANTED = {"Loop", "Scan", "If", "Einsum", "Det", "GatherND", "ScatterND", "NonZero", "Atan2", "CumSum"}
MOVED = ("rotation", "translation", "scale", "expression")


@pytest.fixture(scope="module")
def graphs() -> dict[str, onnx.ModelProto]:
    return build_motion_graphs()


@pytest.fixture(scope="module")
def sessions(graphs: dict[str, onnx.ModelProto]) -> dict[str, onnxruntime.InferenceSession]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return {name: onnxruntime.InferenceSession(graph.SerializeToString(), options) for name, graph in graphs.items()}


def cases() -> list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Source, neutral and driver."""
    result = []
    for seed, (yaw, pitch, roll) in enumerate([(0, 0, 0), (40, -15, 10), (-55, 20, -30), (15, 5, 90)]):
        acting = with_mouth(with_eyes(person(seed), 0.2 * seed), 0.05 * seed)
        neutral = photograph(person(seed), turn(5, 5, 5), 90.0)
        driver = photograph(acting, turn(yaw, pitch, roll), 120.0, 310.0, 150.0)
        result.append((photograph(person(seed + 10), turn(-yaw / 2), 200.0, 800.0, 600.0), neutral, driver))
    return result


def test_graphs_declare_what_the_architecture_promises(graphs: dict[str, onnx.ModelProto]) -> None:
    points, gains = [478, 3], [5]
    expected = {
        "motion": ({"neutral": points, "driver": points}, dict(zip(MOVED, ([3, 3], [3], [], points), strict=True))),
        "retarget": (
            {"source": points, **dict(zip(MOVED, ([3, 3], [3], [], points), strict=True)), "gains": gains},
            {"target": points},
        ),
        "head": ({"landmarks": points}, {"region": [4]}),
    }
    assert set(graphs) == set(expected)
    for name, graph in graphs.items():
        declared = tuple(
            {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in values}
            for values in (graph.graph.input, graph.graph.output)
        )
        assert declared == expected[name]
        types = {v.type.tensor_type.elem_type for v in [*graph.graph.input, *graph.graph.output]}
        assert types == {onnx.TensorProto.FLOAT}


def test_graphs_are_small_plain_and_of_the_right_opset(graphs: dict[str, onnx.ModelProto]) -> None:
    for graph in graphs.values():
        assert [(o.domain, o.version) for o in graph.opset_import] == [("", OPSET)]
        assert not {node.op_type for node in graph.graph.node} & UNWANTED
        assert len(graph.SerializeToString()) < 200_000


@pytest.mark.parametrize("case", range(4))
def test_motion_equals_torch(sessions: dict[str, onnxruntime.InferenceSession], case: int) -> None:
    _, neutral, driver = cases()[case]
    ours = sessions["motion"].run(list(MOVED), {"neutral": neutral.numpy(), "driver": driver.numpy()})
    for torch_value, value in zip(Motion()(neutral, driver), ours, strict=True):
        np.testing.assert_allclose(np.asarray(value), torch_value.numpy(), atol=5e-6, rtol=0)


@pytest.mark.parametrize("case", range(4))
@pytest.mark.parametrize("gains", [(1, 1, 1, 1, 1), (0.5, 1.4, 0.3, 0.8, 1.7), (0, 0, 0, 0, 0)])
def test_retarget_equals_torch(
    sessions: dict[str, onnxruntime.InferenceSession], case: int, gains: tuple[float, ...]
) -> None:
    source, neutral, driver = cases()[case]
    moved = Motion()(neutral, driver)
    factors = torch.tensor(gains, dtype=torch.float32)
    feeds = {name: value.numpy() for name, value in zip(MOVED, moved, strict=True)}
    (target,) = sessions["retarget"].run(None, {"source": source.numpy(), **feeds, "gains": factors.numpy()})
    np.testing.assert_allclose(np.asarray(target), Retarget()(source, *moved, factors).numpy(), atol=1e-3, rtol=0)
    if not factors.any():
        np.testing.assert_array_equal(np.asarray(target), source.numpy())


def test_identity_is_exact_in_the_graph(sessions: dict[str, onnxruntime.InferenceSession]) -> None:
    source = cases()[1][0].numpy()
    identity = {"rotation": np.eye(3), "translation": np.zeros(3), "scale": np.zeros(()), "expression": 0 * source}
    feeds = {name: np.asarray(value, np.float32) for name, value in identity.items()}
    (target,) = sessions["retarget"].run(None, {"source": source, **feeds, "gains": np.ones(5, np.float32)})
    np.testing.assert_array_equal(np.asarray(target), source)


@pytest.mark.parametrize("case", range(4))
def test_head_equals_torch(sessions: dict[str, onnxruntime.InferenceSession], case: int) -> None:
    source = cases()[case][0]
    (region,) = sessions["head"].run(None, {"landmarks": source.numpy()})
    np.testing.assert_array_equal(np.asarray(region), Head()(source).numpy())
