"""Finds MediaPipe's TFLite models, in the wheel as PyPI serves it or in an unpacked ``mediapipe/modules`` folder.

The wheel pins numpy below 2 and protobuf below 5, so it cannot share an environment with vivant; nothing of it is
ever imported here. ``pip download mediapipe==0.10.21 --no-deps --python-version 3.11 --only-binary :all:`` fetches it.
"""

import hashlib
import zipfile
from pathlib import Path

WHEEL = "mediapipe==0.10.21"
"""The release whose models are converted; Apache-2.0, the models too."""

MODELS = {
    "face_detection/face_detection_short_range.tflite": (
        "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8"
    ),
    "face_detection/face_detection_full_range_sparse.tflite": (
        "2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1"
    ),
    "face_landmark/face_landmark_with_attention.tflite": (
        "e06a804e0144f9929eda782122916b35d60c697c3c9344013ca2bbe76a6ce2b4"
    ),
    "selfie_segmentation/selfie_segmentation.tflite": (
        "9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c"
    ),
}
"""SHA-256 of each model, by its path below ``mediapipe/modules``."""


class ModelNotFoundError(FileNotFoundError):
    """The wheel or folder lacks a model, or holds another release's."""


def read_models(modules: Path) -> dict[str, bytes]:
    """Read all models, by their path below ``mediapipe/modules``.

    Args:
        modules: the ``.whl`` file, or the folder ``mediapipe/modules`` of an unpacked wheel.

    Raises:
        ModelNotFoundError: the path does not exist, a model is missing, or its SHA-256 is not the known one.
    """
    if not modules.exists():
        raise ModelNotFoundError(f"{modules} does not exist; give the wheel {WHEEL} or its folder mediapipe/modules")
    models = {}
    for name, digest in MODELS.items():
        try:
            data = _read(modules, name)
        except (KeyError, OSError, zipfile.BadZipFile) as error:
            raise ModelNotFoundError(f"{modules} holds no {name}; give the wheel {WHEEL}") from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise ModelNotFoundError(f"{name} in {modules} is not the one of {WHEEL}")
        models[name] = data
    return models


def _read(modules: Path, name: str) -> bytes:
    if modules.is_dir():
        return (modules / name).read_bytes()
    with zipfile.ZipFile(modules) as wheel:
        return wheel.read(f"mediapipe/modules/{name}")
