"""The graph ``matte``: which part of a region shows a person (MediaPipe selfie segmentation, the general model)."""

import onnx_ir as ir
from onnxscript import OpBuilder

from .tflite import TfliteGraph
from .tflite_ops import TfliteEmitter
from .tracker_sampling import crop

SIZE = 256


def matte(op: OpBuilder, graph: TfliteGraph, image: ir.Value, region: ir.Value) -> dict[str, ir.Value]:
    """Share of person, ``matte`` float32 [1,1,256,256] 0..1, over ``region`` [4] of ``image`` [H,W,3].

    Beyond the image's border the nearest pixel continues: black would look like a frame around the person.
    """
    picture = op.Mul(crop(op, image, region, SIZE, "replicate"), 1.0 / 255.0)
    return {"matte": TfliteEmitter(op, graph, {graph.inputs[0]: picture}).tensor(graph.outputs[0])}
