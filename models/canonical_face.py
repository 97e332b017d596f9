"""MediaPipe's canonical face: a neutral, average, exactly symmetric face in 3-D, and how much each point tells of pose.

The numbers in `canonical_face.safetensors` come from `geometry_pipeline_metadata_landmarks.binarypb` of MediaPipe's
face geometry module (Apache-2.0): the 468 vertices and the weights of its Procrustes fit, which are zero wherever an
expression moves the face. They are stored turned into this project's conventions.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

from . import landmarks as lm

PATH = Path(__file__).with_name("canonical_face.safetensors")

# Centre and rim of the right iris in outer-eye-corner distances: the mean that the tracker finds in frontal photos.
_IRIS = [[0.0, 0.0, 0.0], [0.067, 0.0, 0.0], [0.0, -0.057, 0.0], [-0.067, 0.0, 0.0], [0.0, 0.057, 0.0]]


@dataclass(frozen=True)
class CanonicalFace:
    """The canonical face.

    Attributes:
        points: [478, 3], x to the person's left (right on screen), y down, z away from the camera; the unit is the
            distance between the outer eye corners, the origin lies inside the head, between the ears. The canonical
            mesh has no irises: theirs stand in the middle of the eyes.
        weights: [478], the share of each point in a fit of the head's pose; they sum to 1.
    """

    points: Tensor
    weights: Tensor


@cache
def canonical_face() -> CanonicalFace:
    """The canonical face, read once."""
    tensors = load_file(PATH)
    mesh, mesh_weights = tensors["points"], tensors["weights"]
    points, weights = mesh.new_zeros(lm.COUNT, 3), mesh.new_zeros(lm.COUNT)
    points[: lm.MESH_COUNT], weights[: lm.MESH_COUNT] = mesh, mesh_weights
    for eye, iris, nose_side in ((lm.RIGHT_EYE, lm.RIGHT_IRIS, 1.0), (lm.LEFT_EYE, lm.LEFT_IRIS, -1.0)):
        points[iris] = mesh[eye].mean(0) + mesh.new_tensor(_IRIS) * mesh.new_tensor([nose_side, 1.0, 1.0])
    return CanonicalFace(points, weights)
