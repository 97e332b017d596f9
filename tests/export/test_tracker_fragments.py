"""The parts of the tracker graphs, each against a plain numpy version of what MediaPipe or OpenCV does."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import onnxruntime as ort
import pytest

onnxscript = pytest.importorskip("onnxscript", reason="building graphs needs the export extra")
import onnx_ir as ir  # noqa: E402
from vivant.export.mediapipe_models import ModelNotFoundError, read_models  # noqa: E402
from vivant.export.tflite import TfliteError, read_tflite  # noqa: E402
from vivant.export.tracker_detect import FULL_RANGE, SHORT_RANGE, merge, suppress  # noqa: E402
from vivant.export.tracker_sampling import Outside, angle_of, crop, letterbox_region  # noqa: E402

_DTYPES = {"uint8": ir.DataType.UINT8, "float32": ir.DataType.FLOAT}


def _run(build: Callable[..., Sequence[ir.Value]], *arrays: np.ndarray) -> list[np.ndarray]:
    """Build a graph of inputs like ``arrays`` and run it on them."""
    graph = ir.Graph([], [], nodes=[], opset_imports={"": 17}, name="fragment")
    builder = onnxscript.GraphBuilder(graph)
    names = [f"input_{index}" for index in range(len(arrays))]
    inputs = [
        builder.input(name, _DTYPES[str(array.dtype)], [f"{name}_{axis}" for axis in range(array.ndim)])
        for name, array in zip(names, arrays, strict=True)
    ]
    for index, value in enumerate(build(builder.op, *inputs)):
        builder.add_output(value, f"output_{index}")
    model = ir.to_proto(ir.Model(graph, ir_version=8))
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, dict(zip(names, arrays, strict=True)))  # type: ignore[return-value]


def _warped(image: np.ndarray, region: Sequence[float], size: int, outside: str) -> np.ndarray:
    """OpenCV's bilinear ``warpPerspective`` of the region, pixel by pixel, float32 [3,size,size]."""
    height, width = image.shape[:2]
    centre_x, centre_y, side, angle = region
    result = np.zeros((3, size, size), np.float32)
    for row, column in np.ndindex(size, size):
        u, v = (column / size - 0.5) * side, (row / size - 0.5) * side
        x = round((centre_x + math.cos(angle) * u - math.sin(angle) * v) * 32) / 32
        y = round((centre_y + math.sin(angle) * u + math.cos(angle) * v) * 32) / 32
        total = np.zeros(3)
        for tap_y, tap_x in ((0, 0), (0, 1), (1, 0), (1, 1)):
            j, i = math.floor(y) + tap_y, math.floor(x) + tap_x
            weight = (1 - abs(y - j)) * (1 - abs(x - i))
            if outside == "replicate":
                total += weight * image[min(max(j, 0), height - 1), min(max(i, 0), width - 1)]
            elif 0 <= j < height and 0 <= i < width:
                total += weight * image[j, i]
        result[:, row, column] = np.floor(total + 0.5)
    return result


@pytest.mark.parametrize("outside", ["replicate", "zero"])
@pytest.mark.parametrize("region", [(20, 15, 24, 0), (18.3, 12.9, 61.7, 0.7), (2, 30, 9.5, -2.8), (-90, 4, 30, 1)])
def test_crop(outside: Outside, region: tuple[float, ...]) -> None:
    image = np.random.default_rng(7).integers(0, 256, (31, 43, 3), dtype=np.uint8)
    (result,) = _run(lambda op, i, r: [crop(op, i, r, 16, outside)], image, np.array(region, np.float32))
    expected = _warped(image, [float(np.float32(value)) for value in region], 16, outside)
    # Where single precision rounds to another 1/32 pixel, neighbours 255 grey levels apart change by up to 8.
    different = np.abs(result[0] - expected)
    assert (different > 0.5).mean() < 0.02
    assert different.max() <= 16


def test_letterbox_region() -> None:
    (region,) = _run(lambda op, image: [letterbox_region(op, image)], np.zeros((30, 44, 3), np.uint8))
    assert region.tolist() == [22, 15, 44, 0]


def test_angle() -> None:
    angles = np.linspace(-math.pi + 1e-3, math.pi, 721)
    x, y = (array.astype(np.float32) * 3 for array in (np.cos(angles), np.sin(angles)))
    (result,) = _run(lambda op, a, b: [angle_of(op, a, b)], np.r_[x, 0, 1, -1], np.r_[y, 0, 0, 0])
    np.testing.assert_allclose(result, np.r_[angles, 0, 0, math.pi], atol=1e-5)


@pytest.mark.parametrize(("config", "count"), [(SHORT_RANGE, 896), (FULL_RANGE, 2304)])
def test_anchors(config, count: int) -> None:
    anchors = config.anchors()
    assert anchors.shape == (count, 2)
    np.testing.assert_allclose(anchors[0], config.strides[0][0] / config.size / 2)
    np.testing.assert_allclose(anchors.mean(axis=0), 0.5, atol=1e-6)


def _greedy(points: np.ndarray, scores: np.ndarray, min_overlap: float) -> tuple[np.ndarray, np.ndarray]:
    """MediaPipe's weighted suppression, one kept detection after the other."""
    remaining = list(range(len(points)))
    merged, kept = [], []
    while remaining:
        best = remaining[0]
        low, high = np.maximum(points[:, 0], points[best, 0]), np.minimum(points[:, 1], points[best, 1])
        shared = np.maximum(high - low, 0).prod(axis=1)
        areas = (points[:, 1] - points[:, 0]).prod(axis=1)
        overlaps = shared / (areas + areas[best] - shared)
        absorbed = [index for index in remaining if overlaps[index] > min_overlap]
        merged.append(np.average(points[absorbed], axis=0, weights=scores[absorbed]))
        kept.append(scores[best])
        remaining = [index for index in remaining if index not in absorbed]
    return np.array(merged).reshape(-1, 8, 2), np.array(kept)


@pytest.mark.parametrize("count", [0, 1, 2, 9, 60])
@pytest.mark.parametrize("seed", range(4))
def test_suppression(count: int, seed: int) -> None:
    """Crowded boxes, so that suppressed ones overlap further ones that must stay."""
    random = np.random.default_rng(seed)
    centre = random.uniform(0.3, 0.7, (count, 1, 2))
    half = random.uniform(0.05, 0.2, (count, 1, 2))
    points = np.concatenate([centre - half, centre + half, random.random((count, 6, 2))], axis=1).astype(np.float32)
    scores = -np.sort(-random.uniform(0.5, 1, count)).astype(np.float32)

    def build(op, points: ir.Value, scores: ir.Value) -> Sequence[ir.Value]:
        return merge(op, points, scores, *suppress(op, points, 0.3))

    merged, kept = _run(build, points, scores)
    expected_points, expected_scores = _greedy(points, scores, 0.3)
    np.testing.assert_allclose(kept, expected_scores)
    np.testing.assert_allclose(merged, expected_points, atol=1e-5)


def test_wrong_files(tmp_path) -> None:
    with pytest.raises(TfliteError, match="TFL3"):
        read_tflite(b"PK\x03\x04 not a model")
    with pytest.raises(ModelNotFoundError, match="does not exist"):
        read_models(tmp_path / "absent.whl")
    with pytest.raises(ModelNotFoundError, match="holds no"):
        read_models(tmp_path)
    wheel = tmp_path / "broken.whl"
    wheel.write_bytes(b"not a zip")
    with pytest.raises(ModelNotFoundError, match="holds no"):
        read_models(wheel)
