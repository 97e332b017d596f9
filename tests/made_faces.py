"""Made-up faces for the tests of motion: the canonical face, varied, turned and put into a picture."""

import math

import torch
from torch import Tensor
from vivant.models import landmarks as lm
from vivant.models.canonical_face import canonical_face
from vivant.models.face_parts import face_parts


def turn(yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0) -> Tensor:
    """A rotation [3, 3] from angles in degrees, about y, then x, then z."""
    result = torch.eye(3)
    for angle, (i, j) in ((yaw, (0, 2)), (pitch, (1, 2)), (roll, (0, 1))):
        c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        step = torch.eye(3)
        step[i, i] = step[j, j] = c
        step[i, j], step[j, i] = -s, s
        result = step @ result
    return result


def person(seed: int, variation: float = 0.02) -> Tensor:
    """Somebody's face at rest [478, 3], in outer-eye-corner distances: smooth changes of the canonical face."""
    generator = torch.Generator().manual_seed(seed)
    points = canonical_face().points
    bend = torch.randn(3, 3, generator=generator) * variation
    waves = torch.sin(points @ (torch.randn(3, 3, generator=generator) * 2.0)) * variation
    return points + points @ bend + waves


def with_eyes(face: Tensor, factor: float) -> Tensor:
    """The face with its lids so many times as far apart."""
    result = face.clone()
    for eye in (lm.RIGHT_EYE, lm.LEFT_EYE):
        middle = 0.5 * (face[eye[1:8], 1] + face[eye[:8:-1], 1])
        for lid in (eye[1:8], eye[:8:-1]):
            result[lid, 1] = middle + factor * (face[lid, 1] - middle)
    return result


def with_mouth(face: Tensor, opening: float) -> Tensor:
    """The face with the chin's side of the inner lips, and what follows it, lowered so that the lips stand apart."""
    parts = face_parts()
    need = opening - parts.gap[14:] @ face[:, 1]
    result = face.clone()
    result[:, 1] += parts.part[:, 14:] @ need
    return result


def photograph(face: Tensor, rotation: Tensor, size: float = 100.0, x: float = 250.0, y: float = 200.0) -> Tensor:
    """Landmarks [478, 3] in pixels of a face seen by a weak-perspective camera."""
    return face @ rotation.T * size + torch.tensor([x, y, 0.0])
