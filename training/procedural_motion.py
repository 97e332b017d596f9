"""Motion from curves: tracked shapes (a blink, a smile) and turns of the head, played by smooth periodic functions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ..models import landmarks as lm
from ..models.canonical_face import canonical_face
from ..models.face_parts import face_parts
from .tracked_motion import FPS, Moves

Array = NDArray[np.floating]

# From the head's centre down and back to where the neck bends, in outer-eye-corner distances.
_NECK = np.array([0.0, 1.0, 0.5], np.float32)


@dataclass(frozen=True)
class Shapes:
    """Displacements [478, 3] of full strength, as the graph `motion` returns them."""

    blink: Array
    smile: Array
    surprise: Array
    gasp: Array


class Timeline:
    """Times of the frames of a loop, and periodic curves over them: what passes the end goes on at 0."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.times = np.arange(round(seconds * FPS)) / FPS

    def wave(self, cycles: int, phase: float = 0.0) -> Array:
        """A sine of so many whole cycles; the phase is a share of a cycle."""
        return np.sin(2.0 * np.pi * (cycles * self.times / self.seconds + phase)).astype(np.float32)

    def bump(self, start: float, rise: float, hold: float, fall: float) -> Array:
        """Rises from 0 to 1 from `start` on, holds, falls to 0; all in seconds, with smooth corners."""
        t = (self.times - start) % self.seconds
        x = np.minimum(t / rise, (rise + hold + fall - t) / fall).clip(0.0, 1.0)
        return (x * x * (3.0 - 2.0 * x)).astype(np.float32)

    def blinks(self, *starts: float) -> Array:
        """Blinks: lids close in about a tenth of a second and open in a fifth."""
        return sum((self.bump(start, 0.10, 0.06, 0.20) for start in starts), np.zeros(len(self.times), np.float32))

    def nods(self, start: float, period: float, count: int) -> Array:
        """So many nods that die away, 0 before and after; the first is of size 1."""
        t = (self.times - start) % self.seconds
        inside = np.sin(np.pi * t / period) ** 2 * np.maximum(1.0 - 0.8 * np.floor(t / period) / count, 0.0)
        return np.where(t < count * period, inside, 0.0).astype(np.float32)


def head_turn(yaw: Array | float, pitch: Array | float, roll: Array | float, frames: int) -> tuple[Array, Array]:
    """Rotations [T, 3, 3] about the neck, and the shifts [T, 3] of the head's centre that go with them.

    Args:
        yaw: degrees to the right of the picture, [T] or constant.
        pitch: degrees down.
        roll: degrees clockwise in the picture.
        frames: T.
    """
    angles = np.stack([np.broadcast_to(a, frames) for a in (-np.asarray(yaw), pitch, roll)], 1)
    rotation = Rotation.from_euler("YXZ", angles, degrees=True).as_matrix().astype(np.float32)
    shift = (np.eye(3, dtype=np.float32) - rotation) @ _NECK
    shift[:, 2] = 0.0
    return rotation, shift


def gaze(x: Array, y: Array, blink: Array) -> Array:
    """Displacements [T, 478, 3] of eyes that look so far to the right of the picture and down (of an iris radius each).

    The upper lids follow the eyes up and down, as a part of a blink.
    """
    displacement = np.zeros((len(x), lm.COUNT, 3), np.float32)
    step = np.stack([x, y, np.zeros_like(x)], 1) * 0.06
    displacement[:, lm.RIGHT_IRIS + lm.LEFT_IRIS] = step[:, None]
    return displacement + 0.35 * y[:, None, None] * _without_irises(blink)


def one_eye(blink: Array, smile: Array) -> Array:
    """A wink of the right eye ([478, 3]), with the cheek drawn up a little on that side."""
    right_eye = face_parts().eyes[0].numpy()[:, None]
    # The smile's share falls from 1 at the right half's middle to 0 a little left of the nose.
    from_middle = (0.15 - canonical_face().points[:, 0].numpy()) / 0.5
    side = np.clip(from_middle, 0.0, 1.0)[:, None] ** 2
    return blink * right_eye + 0.45 * smile * side


def play(shapes: Sequence[tuple[Array, Array]]) -> Array:
    """Displacements [T, 478, 3]: every shape [478, 3] times its curve [T], summed."""
    return sum(
        (curve[:, None, None] * shape for shape, curve in shapes[1:]), shapes[0][1][:, None, None] * shapes[0][0]
    )


def moves(
    turn: tuple[Array, Array], expression: Array, shift: Array | None = None, scale: Array | None = None
) -> Moves:
    """Puts the parts together; `shift` [T, 3] adds to the turn's own, both default to none."""
    rotation, translation = turn
    frames = len(rotation)
    return Moves(
        rotation=rotation,
        translation=(translation if shift is None else translation + shift).astype(np.float32),
        scale=np.zeros(frames, np.float32) if scale is None else scale.astype(np.float32),
        expression=expression.astype(np.float32),
    )


def _without_irises(shape: Array) -> Array:
    still = shape.copy()
    still[lm.MESH_COUNT :] = 0.0
    return still
