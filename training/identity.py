"""Who a picture shows: the 128 numbers of dlib's face recognition network (King 2017), a model that took no part in
training and therefore judges without bias.

Needs the packages ``dlib-bin`` and ``face-recognition-models`` (extra ``train``).
"""

# dlib's names come from a compiled module without stubs.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from threading import Lock

import dlib
import numpy as np
from numpy.typing import NDArray

from ..models.landmarks import LEFT_EYE, RIGHT_EYE

# dlib's five points: corners of the eye on the picture's right (outer, inner), of the one on its left (outer, inner),
# and the point under the nose.
FIVE_POINTS = [LEFT_EYE[0], LEFT_EYE[8], RIGHT_EYE[0], RIGHT_EYE[8], 2]
WEIGHTS = "dlib_face_recognition_resnet_model_v1.dat"


def weights_path() -> Path:
    """The network's file inside ``face-recognition-models``, found without importing that package: its code needs
    pkg_resources, which setuptools no longer has.

    Raises:
        FileNotFoundError: the package is not installed.
    """
    spec = find_spec("face_recognition_models")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    for folder in folders:
        path = Path(folder) / "models" / WEIGHTS
        if path.is_file():
            return path
    raise FileNotFoundError("Identity needs the package face-recognition-models: pip install face-recognition-models.")


class FaceDescriptor:
    """Descriptor of a face, aligned by five of its landmarks to dlib's mean face (150 × 150, padding 0.25)."""

    def __init__(self) -> None:
        self._network = dlib.face_recognition_model_v1(str(weights_path()))
        self._lock = Lock()  # the network keeps its activations inside

    def __call__(self, picture: NDArray[np.uint8], landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
        """[128] descriptor, of length about 1.4.

        Args:
            picture: uint8 RGB [H, W, 3].
            landmarks: [478, 2 or 3], pixels of that picture.
        """
        height, width = picture.shape[:2]
        points = [dlib.point(round(float(x) - 0.5), round(float(y) - 0.5)) for x, y in landmarks[FIVE_POINTS, :2]]
        shape = dlib.full_object_detection(dlib.rectangle(0, 0, width - 1, height - 1), points)
        with self._lock:
            return np.array(self._network.compute_face_descriptor(np.ascontiguousarray(picture), shape))


def cosine_similarity(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """Cosine of the angle between two descriptors: 1 = the same; two pictures of one person are above about 0.9."""
    return float(first @ second / (np.linalg.norm(first) * np.linalg.norm(second)))


def descriptor_distance(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """Euclidean distance of two descriptors: 0 = the same; dlib's authors call under 0.6 the same person."""
    return float(np.linalg.norm(first - second))
