"""MediaPipe's face detectors, attention mesh and selfie segmentation as ONNX graphs of a bundle.

The models are Apache-2.0 and come from a PyPI wheel (see :mod:`.mediapipe_models`). All of MediaPipe's pre- and
post-processing is inside the graphs; ``docs/architecture.md`` lists their inputs and outputs.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime as ort
import onnxsim
from onnxscript import GraphBuilder, OpBuilder

from .mediapipe_models import read_models
from .mediapipe_reference import sample_variants
from .tflite import read_tflite
from .tracker_detect import FULL_RANGE, SHORT_RANGE, detect
from .tracker_matte import SIZE as MATTE_SIZE
from .tracker_matte import matte
from .tracker_mesh import track
from .weight_rounding import is_rounded, round_weights

OPSET = 17
IR_VERSION = 8

_Outputs = dict[str, ir.Value]
_Shape = list[int | str]
_FACES: dict[str, _Shape] = {"boxes": ["N", 4], "keypoints": ["N", 6, 2], "scores": ["N"], "regions": ["N", 4]}
_TRACK: dict[str, _Shape] = {"landmarks": [478, 3], "presence": [], "next_region": [4]}
_MATTE: dict[str, _Shape] = {"matte": [1, 1, MATTE_SIZE, MATTE_SIZE]}


def build_tracker_graphs(modules: Path) -> dict[str, onnx.ModelProto]:
    """Convert the four tracker graphs: ``detect``, ``detect_far``, ``track``, ``matte``.

    Args:
        modules: the wheel mediapipe==0.10.21 (``.whl``), or the folder ``mediapipe/modules`` of an unpacked one.

    Raises:
        ModelNotFoundError: the wheel is missing, or of another release.
    """
    models = {Path(name).stem: read_tflite(data) for name, data in read_models(modules).items()}
    short, far = models["face_detection_short_range"], models["face_detection_full_range_sparse"]
    mesh, person = models["face_landmark_with_attention"], models["selfie_segmentation"]
    return {
        "detect": _model("detect", _FACES, lambda op, image: detect(op, short, SHORT_RANGE, image)),
        "detect_far": _model("detect_far", _FACES, lambda op, image: detect(op, far, FULL_RANGE, image)),
        "track": _model("track", _TRACK, lambda op, image, region: track(op, mesh, image, region), region=True),
        "matte": _model("matte", _MATTE, lambda op, image, region: matte(op, person, image, region), region=True),
    }


def round_tracker(models: Mapping[str, onnx.ModelProto]) -> None:
    """Round the weights of the graphs to 8 bits, measured on variants of the sample photos; see `round_weights`.

    All but `detect`, which is small: what its layers would lose moves its boxes by four pixels of 512, and with the
    region that `track` gets its landmarks by 0.7.
    """
    if is_rounded(models["track"]):
        return
    images = list(sample_variants().values())
    session = ort.InferenceSession(models["detect"].SerializeToString(), providers=["CPUExecutionProvider"])
    found = [(image, np.asarray(session.run(["regions"], {"image": image})[0])) for image in images]
    faces = [{"image": image, "region": regions[0]} for image, regions in found if len(regions)]
    round_weights(models["detect_far"], [{"image": image} for image in images])
    for name in ("track", "matte"):
        round_weights(models[name], faces)


def _model(
    name: str, shapes: dict[str, _Shape], build: Callable[..., _Outputs], region: bool = False
) -> onnx.ModelProto:
    """Trace ``build`` into a checked, simplified model."""
    graph = ir.Graph([], [], nodes=[], opset_imports={"": OPSET}, name=name)
    builder = GraphBuilder(graph)
    inputs = [builder.input("image", ir.DataType.UINT8, ["H", "W", 3])]
    if region:
        inputs.append(builder.input("region", ir.DataType.FLOAT, [4]))
    op: OpBuilder = builder.op
    for output, value in build(op, *inputs).items():
        builder.add_output(value, output)
        value.type, value.shape = ir.TensorType(ir.DataType.FLOAT), ir.Shape(shapes[output])
    proto = ir.to_proto(ir.Model(graph, ir_version=IR_VERSION, producer_name="vivant"))
    simplified, same = onnxsim.simplify(proto)
    if not same:
        raise RuntimeError(f"simplifying {name} changed what it computes")
    onnx.checker.check_model(simplified, full_check=True)
    return simplified
