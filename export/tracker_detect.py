"""The graphs ``detect`` and ``detect_far``: MediaPipe's BlazeFace detectors, decoding and suppression included.

Follows the face_detection graphs of MediaPipe: letterbox, network, SSD anchors of fixed size, sigmoid scores,
weighted non-maximum suppression (NonMaxSuppressionCalculator, WEIGHTED), region of interest for the face mesh
(FaceDetectionFrontDetectionToRoi). Bazarevsky et al., *BlazeFace: Sub-millisecond Neural Face Detection on Mobile
GPUs*, arXiv 1907.05047.
"""

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from onnxscript import OpBuilder

from .tflite import TfliteGraph
from .tflite_ops import TfliteEmitter
from .tracker_sampling import constant, crop, enclosing_region, letterbox_region, region_to_image

_KEYPOINTS = 6
_CORNERS = 2
_EYES = (0, 1)


@dataclass(frozen=True)
class DetectorConfig:
    """A detector's input and anchors, as in MediaPipe's graph of it.

    Attributes:
        size: side of the network's square input.
        strides: (stride in input pixels, anchors per cell), in the order of the network's outputs.
        min_score: detections below are dropped; what MediaPipe's graph says.
        min_overlap: detections overlapping more (intersection over union) are one face.
    """

    size: int
    strides: tuple[tuple[int, int], ...]
    min_score: float
    min_overlap: float = 0.3

    def anchors(self) -> np.ndarray:
        """Anchor centres in shares of the input, float32 [A,2] (x, y)."""
        centres = []
        for stride, count in self.strides:
            cells = (np.arange(self.size // stride) + 0.5) * stride / self.size
            grid = np.stack(np.meshgrid(cells, cells), axis=-1).reshape(-1, 2)
            centres.append(np.repeat(grid, count, axis=0))
        return np.concatenate(centres).astype(np.float32)


SHORT_RANGE = DetectorConfig(size=128, strides=((8, 2), (16, 6)), min_score=0.5)
FULL_RANGE = DetectorConfig(size=192, strides=((4, 1),), min_score=0.6)


def detect(op: OpBuilder, graph: TfliteGraph, config: DetectorConfig, image: ir.Value) -> dict[str, ir.Value]:
    """Faces in ``image`` uint8 [H,W,3], best score first.

    Returns:
        ``boxes`` float32 [N,4], ``keypoints`` float32 [N,6,2], both in image pixels, ``scores`` float32 [N],
        ``regions`` float32 [N,4].
    """
    square = letterbox_region(op, image)
    # MediaPipe's range is -1..1.
    picture = op.Sub(op.Mul(crop(op, image, square, config.size, "zero"), 2.0 / 255.0), 1.0)
    emitter = TfliteEmitter(op, graph, {graph.inputs[0]: picture})
    logits = op.Reshape(emitter.tensor(graph.outputs[1]), [-1])
    raw = op.Squeeze(emitter.tensor(graph.outputs[0]), [0])

    found = op.Squeeze(op.NonZero(op.GreaterOrEqual(op.Sigmoid(logits), config.min_score)), [0])
    scores = op.Sigmoid(op.Gather(logits, found, axis=0))
    scores, order = op.TopK(scores, op.Shape(scores), axis=0, _outputs=2)
    found = op.Gather(found, order, axis=0)
    anchors = op.Gather(constant(op, config.anchors()), found, axis=0)
    points = _decode(op, op.Gather(raw, found, axis=0), anchors, config.size)

    members, kept = suppress(op, points, config.min_overlap)
    points, scores = merge(op, points, scores, members, kept)
    return _in_image(op, points, scores, square)


def _decode(op: OpBuilder, raw: ir.Value, anchors: ir.Value, size: int) -> ir.Value:
    """Corners (top left, bottom right) and key points of K anchors, float32 [K,8,2] in shares of the input."""
    points = op.Mul(op.Reshape(raw, [-1, _CORNERS + _KEYPOINTS, 2]), 1.0 / size)
    centre, extent, keypoints = op.Split(points, [1, 1, _KEYPOINTS], axis=1, _outputs=3)
    half = op.Mul(extent, 0.5)
    corners = op.Concat(op.Sub(centre, half), op.Add(centre, half), keypoints, axis=1)
    # Every output but the size counts from the anchor.
    return op.Add(corners, op.Unsqueeze(anchors, [1]))


def _overlaps(op: OpBuilder, points: ir.Value) -> ir.Value:
    """Intersection over union of all pairs of boxes, float32 [K,K]."""
    low, high = op.Split(points, [1, 1, _KEYPOINTS], axis=1, _outputs=3)[:2]
    sides = op.Max(
        op.Sub(op.Min(high, op.Transpose(high, perm=[1, 0, 2])), op.Max(low, op.Transpose(low, perm=[1, 0, 2]))), 0.0
    )
    shared = op.ReduceProd(sides, axes=[2], keepdims=0)
    area = op.ReduceProd(op.Sub(high, low), axes=[2], keepdims=0)
    return op.Div(shared, op.Sub(op.Add(area, op.Transpose(area, perm=[1, 0])), shared))


def suppress(op: OpBuilder, points: ir.Value, min_overlap: float) -> tuple[ir.Value, ir.Value]:
    """Greedy suppression of K detections, best first, without a step per detection.

    A detection is kept when no better kept one overlaps it. Starting from 'all are kept' and applying that rule to
    all at once, the first n answers are final after n rounds, so the fixed point is the greedy result; it is
    reached after as many rounds as the longest chain of suppressions, a handful.

    Returns:
        bool-valued float32 [K,K]: row i marks the detections that kept detection i absorbs (each goes to the best
        kept one it overlaps, itself included), and bool [K]: which are kept.
    """
    overlapping = op.Cast(op.Greater(_overlaps(op, points), min_overlap), to=ir.DataType.FLOAT)
    better = op.Trilu(overlapping, -1, upper=0)  # [i, j]: j is better than i and overlaps it
    count = op.Shape(points, end=1)
    everything = op.Expand(constant(op, np.ones((1, 1), np.float32)), op.Concat(count, [1], axis=0))

    def round_(inner: OpBuilder, _step: ir.Value, _go: ir.Value, kept: ir.Value) -> list[ir.Value]:
        beaten = inner.Greater(inner.MatMul(better, kept), 0.0)
        after = inner.Cast(inner.Not(beaten), to=ir.DataType.FLOAT)
        changed = inner.ReduceMax(inner.Abs(inner.Sub(after, kept)), keepdims=0)
        return [inner.Cast(changed, to=ir.DataType.BOOL), after]

    body = op.builder.subgraph(
        round_,
        [
            ir.val("step", ir.DataType.INT64, []),
            ir.val("go", ir.DataType.BOOL, []),
            ir.val("kept", ir.DataType.FLOAT, ["K", 1]),
        ],
        [ir.val("go_on", ir.DataType.BOOL, []), ir.val("kept_after", ir.DataType.FLOAT, ["K", 1])],
        name="suppression_round",
    )
    kept = op.Loop(op.Squeeze(count, [0]), True, everything, body=body)
    absorbed = op.Mul(overlapping, kept)
    # Keep only the first mark in each column: the best kept detection that overlaps it.
    earlier = op.CumSum(absorbed, 0, exclusive=1)
    members = op.Mul(absorbed, op.Cast(op.Less(earlier, 0.5), to=ir.DataType.FLOAT))
    return members, op.Cast(op.Squeeze(kept, [1]), to=ir.DataType.BOOL)


def merge(
    op: OpBuilder, points: ir.Value, scores: ir.Value, members: ir.Value, kept: ir.Value
) -> tuple[ir.Value, ir.Value]:
    """Replace each kept detection by the score-weighted mean of what it absorbed; its score stays."""
    weights = op.Compress(op.Mul(members, op.Unsqueeze(scores, [0])), kept, axis=0)
    weights = op.Div(weights, op.ReduceSum(weights, [1]))
    flat = op.MatMul(weights, op.Reshape(points, [-1, 2 * (_CORNERS + _KEYPOINTS)]))
    return op.Reshape(flat, [-1, _CORNERS + _KEYPOINTS, 2]), op.Compress(scores, kept, axis=0)


def _in_image(op: OpBuilder, points: ir.Value, scores: ir.Value, square: ir.Value) -> dict[str, ir.Value]:
    x, y = op.Split(op.Sub(points, 0.5), axis=2, _outputs=2)
    points = op.Concat(*region_to_image(op, square, x, y), axis=2)
    corners, keypoints = op.Split(points, [_CORNERS, _KEYPOINTS], axis=1, _outputs=2)
    low, high = (op.Squeeze(corner, [1]) for corner in op.Split(corners, axis=1, _outputs=2))
    left, right = (op.Gather(keypoints, eye, axis=1) for eye in _EYES)
    return {
        "boxes": op.Reshape(corners, [-1, 2 * _CORNERS]),
        "keypoints": keypoints,
        "scores": scores,
        "regions": enclosing_region(op, low, high, op.Sub(right, left)),
    }
