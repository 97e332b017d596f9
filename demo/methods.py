"""The methods that the comparison shows: what moves a square head to landmarks.

Geometry and teacher need torch and the networks' code, which a Space on a small machine does without.
"""

from collections.abc import Callable, Sequence
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

import numpy as np

from ..runtime.faces import Face
from ..runtime.portrait import Portrait
from ..runtime.session import BUNDLED, Bundle
from ..runtime.stopwatch import Stopwatch

if TYPE_CHECKING:
    from ..training.teacher_files import TrainedTeacher

SIDE: Final = 256  # of the square, pixels
ROOT: Final = BUNDLED.parents[1]
Method = Callable[[np.ndarray], np.ndarray]  # landmarks [478, 3] in pixels of the square → uint8 [SIDE, SIDE, 3]
Other = tuple[np.ndarray, Face]  # another photo of the same person


def has_geometry() -> bool:
    """Whether the baseline without networks can be shown."""
    return find_spec("torch") is not None and (ROOT / "models" / "geometry.py").is_file()


def has_teacher() -> bool:
    """Whether the released teacher can be shown."""
    if not has_geometry() or not (ROOT / "training" / "teacher_files.py").is_file():
        return False
    from ..models.released import TEACHER

    return TEACHER.is_file()


def methods_for(bundle: Bundle, picture: np.ndarray, face: Face, others: Sequence[Other]) -> dict[str, Method]:
    """By caption, the methods that this installation has, for the head in a square picture, uint8 [SIDE, SIDE, 3]."""
    methods: dict[str, Method] = {}
    if has_geometry():
        methods["geometry only"] = _geometry(picture, face)
    methods["vivant"] = _student(bundle, picture, face, others)
    if has_teacher():
        methods["teacher"] = _teacher(bundle, picture, face, others)
    return methods


def _geometry(picture: np.ndarray, face: Face) -> Method:
    import torch

    from ..models.geometry import geometry_baseline

    torch.set_num_threads(1)  # its threads would wait for those of ONNX Runtime, and the other way round
    return lambda target: geometry_baseline(picture, face.landmarks, target)


def _student(bundle: Bundle, picture: np.ndarray, face: Face, others: Sequence[Other]) -> Method:
    portrait = Portrait(bundle, picture, face, SIDE, Stopwatch(), others)

    def draw(target: np.ndarray) -> np.ndarray:
        canvas = picture.copy()
        portrait.draw(canvas, target)
        return canvas

    return draw


def _teacher(bundle: Bundle, picture: np.ndarray, face: Face, others: Sequence[Other]) -> Method:
    """The teacher as it was meta-learned; fine-tuning would take minutes."""
    from ..models.person import Person
    from ..training.photo_sets import photos_of

    square = np.array([SIDE / 2, SIDE / 2, SIDE, 0.0], np.float32)
    parts = [(picture, face.landmarks, square)]
    for pixels, other in others:
        parts.append((pixels, other.landmarks, bundle.graph("head")({"landmarks": other.landmarks})["region"]))
    trained = _trained()
    return Person.of(trained.teacher, photos_of(bundle, parts, SIDE)).picture


@cache
def _trained() -> "TrainedTeacher":
    from ..models.released import TEACHER
    from ..training.teacher_files import load_teacher

    trained = load_teacher(TEACHER)
    assert trained.teacher.config.size == SIDE
    return trained
