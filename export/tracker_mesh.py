"""The graph ``track``: MediaPipe's attention face mesh over a region of interest.

Follows the face_landmark_front_cpu graph of MediaPipe: crop (ImageToTensorCalculator), attention mesh, refinement
(LandmarksRefinementCalculator), projection (LandmarkProjectionCalculator), next region of interest
(FaceLandmarkLandmarksToRoi). Grishchenko et al., *Attention Mesh: High-fidelity Face Mesh Prediction in Real-time*,
arXiv 2006.10962.

The model has three custom operators. ``Landmarks2TransformMatrix`` frames a part of the face by its coarse
landmarks, ``TransformTensorBilinear`` samples features in that frame, ``TransformLandmarks`` brings the refined
points back. They appear once for lips, left and right eye each; here all three frames are computed at once.
"""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import onnx_ir as ir
from flatbuffers import flexbuffers
from onnxscript import OpBuilder

from .tflite import TfliteError, TfliteGraph
from .tflite_branches import BranchEmitter
from .tflite_ops import TfliteEmitter
from .tracker_refinement import IRIS_DEPTH, REFINED_BY
from .tracker_sampling import constant, crop, enclosing_region, region_to_image

SIZE = 192
_MESH = 468
_EYE_CORNERS = (33, 263)
_TINY = 1e-12


@dataclass(frozen=True)
class _Part:
    """One ``Landmarks2TransformMatrix``: which coarse landmarks frame a part of the face, and how generously."""

    left: int
    right: int
    subset: tuple[int, ...]
    scale: float
    cells: int

    @classmethod
    def parse(cls, custom: bytes) -> "_Part":
        options = cast(dict[str, Any], flexbuffers.Loads(custom))
        square = options["scale_x"] == options["scale_y"] and options["output_width"] == options["output_height"]
        if options["target_rotation_radians"] != 0 or not square:
            raise TfliteError("no conversion for a turned or non-square Landmarks2TransformMatrix")
        return cls(
            options["left_rotation_idx"],
            options["right_rotation_idx"],
            tuple(options["subset_idxs"]),
            options["scale_x"],
            options["output_width"],
        )


@dataclass(frozen=True)
class _Frames:
    """Frames around P parts of the face, in pixels of the crop: centre and axes (extent times direction), [P,1]."""

    centre: tuple[ir.Value, ir.Value]
    across: tuple[ir.Value, ir.Value]
    down: tuple[ir.Value, ir.Value]

    def place(self, op: OpBuilder, x: ir.Value, y: ir.Value, part: int | None = None) -> tuple[ir.Value, ir.Value]:
        """Points given in shares of a frame, 0 at its centre, as pixels of the crop: of all frames, or of one."""
        values = [*self.centre, *self.across, *self.down]
        if part is not None:
            values = [op.Slice(value, [part], [part + 1]) for value in values]
        centre_x, centre_y, across_x, across_y, down_x, down_y = values
        return (
            op.Add(centre_x, op.Add(op.Mul(across_x, x), op.Mul(down_x, y))),
            op.Add(centre_y, op.Add(op.Mul(across_y, x), op.Mul(down_y, y))),
        )


def track(op: OpBuilder, graph: TfliteGraph, image: ir.Value, region: ir.Value) -> dict[str, ir.Value]:
    """Landmarks of the face in a region.

    Args:
        image: uint8 [H,W,3].
        region: float32 [4].

    Returns:
        ``landmarks`` float32 [478,3] in image pixels, ``presence`` float32 [] 0..1, ``next_region`` float32 [4].
    """
    picture = op.Mul(crop(op, image, region, SIZE, "replicate"), 1.0 / 255.0)
    emitter = TfliteEmitter(op, graph, {graph.inputs[0]: picture})
    mesh = op.Reshape(emitter.tensor(_network_output(graph, graph.outputs[0])), [_MESH, 3])
    points, depth = op.Split(mesh, [2, 1], axis=1, _outputs=2)

    parts = [_Part.parse(operator.custom) for operator in graph.named("Landmarks2TransformMatrix")]
    frames = _frames(op, points, parts)
    _sample_parts(emitter, frames, parts[0].cells)
    refined = _refined_points(emitter, frames, parts[0].cells)

    points = op.Gather(op.Concat(points, *refined, axis=0), constant(op, REFINED_BY), axis=0)
    depth = op.Concat(depth, _iris_depth(op, depth), axis=0)
    landmarks = _project(op, points, depth, region)
    presence = op.Sigmoid(op.Reshape(emitter.tensor(graph.outputs[6]), [1]))
    return {
        "landmarks": landmarks,
        "presence": op.Squeeze(presence, [0]),
        "next_region": _next_region(op, landmarks),
    }


def _network_output(graph: TfliteGraph, tensor: int) -> int:
    """The convolution's output behind the reshapes, slices and custom operators that shape a graph output."""
    operator = graph.producer(tensor)
    while operator.name in ("RESHAPE", "STRIDED_SLICE", "TransformLandmarks"):
        tensor = operator.inputs[0]
        operator = graph.producer(tensor)
    return tensor


def _frames(op: OpBuilder, points: ir.Value, parts: list[_Part]) -> _Frames:
    """Rotated boxes around each part's coarse landmarks [468,2]."""
    longest = max(len(part.subset) for part in parts)
    subsets = [part.subset + part.subset[:1] * (longest - len(part.subset)) for part in parts]
    ends = op.Gather(points, constant(op, np.array([[part.left, part.right] for part in parts])), axis=0)
    left, right = op.Split(ends, axis=1, _outputs=2)
    direction = op.Squeeze(op.Sub(right, left), [1])
    direction = op.Div(direction, op.Add(op.ReduceL2(direction, axes=[1]), _TINY))
    cos, sin = op.Split(direction, axis=1, _outputs=2)

    x, y = op.Split(op.Gather(points, constant(op, np.array(subsets)), axis=0), axis=2, _outputs=2)
    x, y = op.Squeeze(x, [2]), op.Squeeze(y, [2])
    along = op.Add(op.Mul(x, cos), op.Mul(y, sin))
    below = op.Sub(op.Mul(y, cos), op.Mul(x, sin))
    middle, extent = zip(*(_range(op, values) for values in (along, below)), strict=True)
    width, height = (op.Mul(value, parts[0].scale) for value in extent)
    return _Frames(
        centre=(
            op.Sub(op.Mul(middle[0], cos), op.Mul(middle[1], sin)),
            op.Add(op.Mul(middle[0], sin), op.Mul(middle[1], cos)),
        ),
        across=(op.Mul(width, cos), op.Mul(width, sin)),
        down=(op.Neg(op.Mul(height, sin)), op.Mul(height, cos)),
    )


def _range(op: OpBuilder, values: ir.Value) -> tuple[ir.Value, ir.Value]:
    """Middle and extent of each row, [P,1]."""
    low, high = op.ReduceMin(values, axes=[1]), op.ReduceMax(values, axes=[1])
    return op.Mul(op.Add(low, high), 0.5), op.Sub(high, low)


def _sample_parts(emitter: TfliteEmitter, frames: _Frames, cells: int) -> None:
    """Sample the features in each frame (``TransformTensorBilinear``, version 2) into the emitter's values."""
    op, graph = emitter.op, emitter.graph
    samplers = graph.named("TransformTensorBilinear")
    source = samplers[0].inputs[0]
    steps = (np.arange(cells, dtype=np.float32) + 0.5) / cells - 0.5
    x, y = np.meshgrid(steps, steps)
    x, y = frames.place(op, constant(op, x.reshape(1, -1)), constant(op, y.reshape(1, -1)))
    positions = op.Concat(op.Unsqueeze(x, [2]), op.Unsqueeze(y, [2]), axis=2)
    grid = op.Sub(op.Mul(positions, 2.0 / SIZE), 1.0)
    # Beyond the outermost pixel centres the operator returns zero at once, where GridSample would fade out.
    border = 1.0 - 1.0 / graph.shapes[source][1]
    inside = op.LessOrEqual(op.ReduceMax(op.Abs(grid), axes=[2]), border)
    grid = op.Reshape(op.Where(inside, grid, 2.0), [1, len(samplers) * cells, cells, 2])
    sampled = op.GridSample(emitter.tensor(source), grid, mode="bilinear", padding_mode="zeros", align_corners=0)
    for sampler, value in zip(samplers, op.Split(sampled, axis=2, _outputs=len(samplers)), strict=True):
        emitter.values[sampler.outputs[0]] = value


def _refined_points(emitter: TfliteEmitter, frames: _Frames, cells: int) -> list[ir.Value]:
    """Refined lips, eyes and irises in pixels of the crop, each float32 [n,2]."""
    op, graph = emitter.op, emitter.graph
    refined = []
    heads = [graph.producer(_network_output(graph, output)) for output in graph.outputs[1:6]]
    # All branches but their heads, which differ in width, run side by side: five times fewer nodes.
    features = BranchEmitter(emitter).tensors(tuple(head.inputs[0] for head in heads))
    for head, feature in zip(heads, op.Split(features, axis=1, _outputs=len(heads)), strict=True):
        emitter.values[head.inputs[0]] = feature
    for head, part in zip(heads, (0, 1, 2, 1, 2), strict=True):
        raw = op.Reshape(emitter.tensor(head.outputs[0]), [-1, 2])
        # The branches count in quarters of a cell, which are pixels of the crop before it is scaled.
        local = op.Sub(op.Mul(raw, 1.0 / (4 * cells)), 0.5)
        x, y = op.Split(local, axis=1, _outputs=2)
        refined.append(op.Concat(*frames.place(op, x, y, part), axis=1))
    return refined


def _iris_depth(op: OpBuilder, depth: ir.Value) -> ir.Value:
    """Depth of the ten iris points [10,1]: the mean of their eye's contour."""
    means = op.ReduceMean(op.Gather(depth, constant(op, IRIS_DEPTH), axis=0), axes=[1])
    return op.Gather(op.Squeeze(means, [1]), constant(op, np.repeat(np.arange(2), 5)), axis=0)


def _project(op: OpBuilder, points: ir.Value, depth: ir.Value, region: ir.Value) -> ir.Value:
    """From pixels of the crop to pixels of the image, float32 [478,3]; depth scales with the region's side."""
    x, y = op.Split(op.Sub(op.Mul(points, 1.0 / SIZE), 0.5), axis=1, _outputs=2)
    x, y = region_to_image(op, region, x, y)
    return op.Concat(x, y, op.Mul(depth, op.Mul(op.Slice(region, [2], [3]), 1.0 / SIZE)), axis=1)


def _next_region(op: OpBuilder, landmarks: ir.Value) -> ir.Value:
    points = op.Slice(landmarks, [0], [2], [1])
    low, high = op.ReduceMin(points, axes=[0], keepdims=0), op.ReduceMax(points, axes=[0], keepdims=0)
    left, right = (op.Gather(points, index, axis=0) for index in _EYE_CORNERS)
    return enclosing_region(op, low, high, op.Sub(right, left))
