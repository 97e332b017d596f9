"""Graph fragments that the tracker's graphs share: regions, cropping, angles.

A region is float32 [4]: centre x, centre y, side (image pixels), angle (radians, clockwise on screen).
Cropping reads the uint8 image through ``GatherElements``: its cost depends on the crop alone, not on the image, and
on a CPU it is three times faster than ``GridSample`` on the image as float. It computes what OpenCV's
``warpPerspective`` does inside MediaPipe's ImageToTensorCalculator: sample points on multiples of 1/32 pixel,
bilinear, rounded to whole grey levels. Like there, sample i of n lies at ``i / n`` of the side counted from pixel
*centres*, without half-pixel shifts; the networks' landmarks come back through the same mapping.
"""

from typing import Literal

import numpy as np
import onnx_ir as ir
from onnxscript import OpBuilder

Outside = Literal["replicate", "zero"]
_SUBPIXEL = 32.0
_REGION_SCALE = 1.5
# Hosts sum in other orders: of regions that differ in the last digit, one sample in thousands would be taken from the
# next 1/32 pixel, and landmarks would move by a tenth of a pixel. Regions on a grid are the same everywhere.
_REGION_STEP = 1.0 / 64.0  # pixels
_ANGLE_STEP = 1.0 / 8192.0  # radians
_TINY = 1e-12


def constant(op: OpBuilder, array: np.ndarray) -> ir.Value:
    """Add an initializer."""
    name = f"constant_{len(op.builder.graph.initializers)}"
    return op.initializer(ir.tensor(array, name=name), name)


def image_size(op: OpBuilder, image: ir.Value) -> tuple[ir.Value, ir.Value]:
    """Height and width of ``image`` [H,W,3], each int32 [1]."""
    shape = op.Cast(op.Shape(image), to=ir.DataType.INT32)
    return op.Slice(shape, [0], [1]), op.Slice(shape, [1], [2])


def letterbox_region(op: OpBuilder, image: ir.Value) -> ir.Value:
    """The smallest upright square around the whole image, as a region [4]."""
    height, width = (op.Cast(size, to=ir.DataType.FLOAT) for size in image_size(op, image))
    return op.Concat(op.Mul(width, 0.5), op.Mul(height, 0.5), op.Max(width, height), [0.0], axis=0)


def region_to_image(op: OpBuilder, region: ir.Value, x: ir.Value, y: ir.Value) -> tuple[ir.Value, ir.Value]:
    """Points given in shares of the region's side, 0 at its centre, as image pixels."""
    centre_x, centre_y, side, angle = op.Split(region, axis=0, _outputs=4)
    cos, sin = op.Mul(op.Cos(angle), side), op.Mul(op.Sin(angle), side)
    return (
        op.Add(op.Sub(op.Mul(x, cos), op.Mul(y, sin)), centre_x),
        op.Add(op.Add(op.Mul(x, sin), op.Mul(y, cos)), centre_y),
    )


def crop(op: OpBuilder, image: ir.Value, region: ir.Value, size: int, outside: Outside) -> ir.Value:
    """Resample a region to ``size`` x ``size``.

    Args:
        image: uint8 [H,W,3].
        region: float32 [4].
        outside: what lies beyond the image's border: its nearest pixel, or black.

    Returns:
        float32 [1,3,size,size], whole numbers 0..255.
    """
    steps = (np.arange(size, dtype=np.float32) / size - 0.5).astype(np.float32)
    x, y = region_to_image(op, region, constant(op, steps[None, :]), constant(op, steps[:, None]))
    height, width = image_size(op, image)
    columns, column_weights = _taps(op, x, width, outside)
    rows, row_weights = _taps(op, y, height, outside)

    # [2 rows, 2 columns, 3 channels, size, size], as positions in the image's bytes.
    pixels = op.Add(op.Mul(op.Unsqueeze(rows, [1]), width), columns)
    channels = constant(op, np.arange(3, dtype=np.int32).reshape(3, 1, 1))
    indices = op.Add(op.Unsqueeze(op.Mul(pixels, 3), [2]), channels)
    values = op.GatherElements(op.Reshape(image, [-1]), op.Reshape(indices, [-1]), axis=0)
    values = op.Cast(op.Reshape(values, [2, 2, 3, size, size]), to=ir.DataType.FLOAT)

    # Split and Add: ReduceSum over two slices takes three times as long.
    values = op.Mul(values, op.Unsqueeze(column_weights, [0, 2]))
    values = op.Squeeze(op.Add(*op.Split(values, axis=1, _outputs=2)), [1])
    values = op.Mul(values, op.Unsqueeze(row_weights, [1]))
    return op.Floor(op.Add(op.Add(*op.Split(values, axis=0, _outputs=2)), 0.5))


def _taps(op: OpBuilder, position: ir.Value, size: ir.Value, outside: Outside) -> tuple[ir.Value, ir.Value]:
    """The two pixels around each position along one axis, int32 [2,...], and their weights, float32 [2,...]."""
    position = op.Mul(op.Round(op.Mul(position, _SUBPIXEL)), 1.0 / _SUBPIXEL)
    low = op.Floor(position)
    share = op.Unsqueeze(op.Sub(position, low), [0])
    weights = op.Concat(op.Sub(1.0, share), share, axis=0)
    low = op.Unsqueeze(low, [0])
    taps = op.Concat(low, op.Add(low, 1.0), axis=0)
    inside = op.Max(op.Min(taps, op.Sub(op.Cast(size, to=ir.DataType.FLOAT), 1.0)), 0.0)
    if outside == "zero":
        weights = op.Mul(weights, op.Cast(op.Equal(taps, inside), to=ir.DataType.FLOAT))
    return op.Cast(inside, to=ir.DataType.INT32), weights


def angle_of(op: OpBuilder, x: ir.Value, y: ir.Value) -> ir.Value:
    """``atan2(y, x)``, which ONNX lacks, through the half angle; 0 for the null vector."""
    length = op.Sqrt(op.Add(op.Mul(x, x), op.Mul(y, y)))
    right = op.Div(y, op.Add(op.Add(length, x), _TINY))
    left = op.Div(op.Sub(length, x), y)
    return op.Mul(op.Atan(op.Where(op.Less(x, 0.0), left, right)), 2.0)


def enclosing_region(op: OpBuilder, low: ir.Value, high: ir.Value, axis: ir.Value) -> ir.Value:
    """MediaPipe's region of interest around a box (RectTransformationCalculator: 1.5 times the longer side).

    Args:
        low, high: the box's corners, float32 [...,2].
        axis: a vector that shall be horizontal in the region, float32 [...,2].

    Returns:
        float32 [...,4].
    """
    centre = op.Mul(op.Add(low, high), 0.5)
    side = op.Mul(op.Max(*op.Split(op.Sub(high, low), axis=-1, _outputs=2)), _REGION_SCALE)
    x, y = op.Split(axis, axis=-1, _outputs=2)
    place = _rounded(op, op.Concat(centre, side, axis=-1), _REGION_STEP)
    return op.Concat(place, _rounded(op, angle_of(op, x, y), _ANGLE_STEP), axis=-1)


def _rounded(op: OpBuilder, value: ir.Value, step: float) -> ir.Value:
    return op.Mul(op.Round(op.Mul(value, 1.0 / step)), step)
