"""Motion out of tracked clips: whole stretches of it, and single shapes (a blink, a smile) that curves can play."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.signal import savgol_filter
from scipy.spatial.transform import Rotation

from ..models import landmarks as lm
from ..models.canonical_face import canonical_face
from ..models.face_parts import face_parts
from ..models.motion import Motion
from ..models.rigid import fit_similarity
from ..runtime.tracks import blend_rotations

Array = NDArray[np.floating]

FPS = 25.0
_POSE_SMOOTHING = 1.5  # frames: heads are heavy, what they do faster is the tracker's noise
_SEEN = 0.5  # share of a resting eye's opening above which the tracker sees the iris well
_CALM_FRAMES = 5  # over so many frames the neutral face is averaged


class ClipError(ValueError):
    """A tracked clip is missing, damaged or of no use; `str(error)` is one sentence."""


@dataclass(frozen=True)
class Clip:
    """A tracked face.

    Attributes:
        landmarks: [T, 478, 3], pixels.
        fps: frames a second.
    """

    landmarks: Array
    fps: float


@dataclass(frozen=True)
class Moves:
    """Motion over T frames at `FPS`: what the graph `motion` returns for each.

    Attributes:
        rotation: [T, 3, 3].
        translation: [T, 3].
        scale: [T].
        expression: [T, 478, 3].
    """

    rotation: Array
    translation: Array
    scale: Array
    expression: Array

    def __len__(self) -> int:
        return len(self.rotation)


def load_clip(folder: Path, name: str, start: int = 0, stop: int | None = None) -> Clip:
    """Frames `start` to `stop` of `folder/name.npz`, which holds `lm` [T, 478, 3], `ok` [T] (face found) and `fps`.

    Raises:
        ClipError: no such file, an array is missing, or the face is lost in one of the frames.
    """
    path = folder / f"{name}.npz"
    try:
        with np.load(path, allow_pickle=False) as data:
            landmarks, found, fps = data["lm"][start:stop], data["ok"][start:stop], float(data["fps"])
    except (OSError, KeyError, ValueError) as error:
        raise ClipError(f"{path} is no tracked clip: {error}.") from None
    if landmarks.shape[1:] != (lm.COUNT, 3) or len(landmarks) < _CALM_FRAMES:
        raise ClipError(f"{path} has landmarks of the shape {landmarks.shape} from frame {start}, not [T ≥ 5, 478, 3].")
    if not found.all():
        raise ClipError(f"{path} lost the face in frame {start + int(np.argmin(found))}.")
    return Clip(landmarks.astype(np.float32), fps)


def neutral_face(clip: Clip) -> Array:
    """The driver at rest ([478, 3], pixels): eyes as open as usual, mouth closed, head straight.

    Picked by score among all frames, then averaged over its neighbours against jitter.
    """
    face, gap = canonical_face(), face_parts().gap
    measures = []
    for points in torch.from_numpy(clip.landmarks):
        pose = fit_similarity(face.points, points, face.weights)
        opening = gap @ pose.invert(points)[:, 1]
        turned = 1.0 - pose.rotation[2, 2]  # 1 − cosine of the angle to the camera
        measures.append(torch.stack([opening[:14].mean(), opening[14:].mean(), turned]))
    eyes, lips, turned = torch.stack(measures).numpy().T
    # Openings are some 0.06 d: half-closed eyes weigh like lips 0.03 d apart, or a head turned by 14 degrees.
    score = np.abs(eyes - np.median(eyes)) + np.maximum(lips, 0.0) + turned
    calm = np.convolve(score, np.full(_CALM_FRAMES, 1.0 / _CALM_FRAMES), mode="valid")
    first = int(np.argmin(calm))
    return clip.landmarks[first : first + _CALM_FRAMES].mean(0)


def moves_of(clip: Clip, neutral: Array) -> Moves:
    """What the driver does in a clip against the neutral face, smoothed without lag and resampled to `FPS`."""
    landmarks = np.asarray(savgol_filter(_resample(clip), window_length=5, polyorder=2, axis=0), np.float32)
    motion, rest = Motion(), torch.from_numpy(neutral)
    with torch.no_grad():
        frames = [motion(rest, points) for points in torch.from_numpy(landmarks)]
    *pose, expression = (torch.stack(part).numpy() for part in zip(*frames, strict=True))
    rotation, translation, scale = (np.asarray(gaussian_filter1d(part, _POSE_SMOOTHING, axis=0)) for part in pose)
    return Moves(blend_rotations(rotation, rotation, np.zeros(len(rotation))), translation, scale, expression)


def shape_of(clip: Clip, neutral: Array) -> Array:
    """The mean displacement over a clip in which the driver holds an expression, made symmetric, [478, 3]."""
    shape = moves_of(clip, neutral).expression.mean(0)
    return 0.5 * (shape + mirrored(shape))


def recentre(moves: Moves, pose: float = 1.0) -> Moves:
    """The same motion around the source's own pose, that is with the identity as its mean; scaled by `pose`."""
    rotations = Rotation.from_matrix(moves.rotation)
    relative = rotations * rotations.mean().inv()
    return replace(
        moves,
        rotation=Rotation.from_rotvec(pose * relative.as_rotvec()).as_matrix().astype(np.float32),
        translation=pose * (moves.translation - moves.translation.mean(0)),
        scale=pose * (moves.scale - moves.scale.mean()),
    )


def frame_at_rest(moves: Moves) -> int:
    """The frame that is most like the source at rest, and calm: where a loop should begin."""
    rest = Moves(np.eye(3)[None], np.zeros((1, 3)), np.zeros(1), np.zeros((1, lm.COUNT, 3)))
    state = _visible_state(moves)
    speed = np.linalg.norm(state - np.roll(state, 1, axis=0), axis=1)
    return int(np.argmin(np.linalg.norm(state - _visible_state(rest), axis=1) + 3.0 * speed))


def with_even_lids(moves: Moves) -> Moves:
    """The same motion with both eyes' lids doing the mean of what the two do, against a driver's uneven eyes.

    The irises keep their motion: mirrored, a glance to the side would cancel itself.
    """
    even = 0.5 * (moves.expression + mirrored(moves.expression))
    share = face_parts().eyes.sum(0).numpy()[:, None]
    share[lm.MESH_COUNT :] = 0.0
    return replace(moves, expression=moves.expression + share * (even - moves.expression))


def with_steady_gaze(moves: Moves) -> Moves:
    """The same motion without the sideways jumps that a tracker's irises make behind closed lids."""
    face, parts = canonical_face().points.numpy(), face_parts()
    opening = (face[:, 1] + moves.expression[:, :, 1]) @ parts.gap[:14].numpy().T
    expression = moves.expression.copy()
    frames = np.arange(len(moves))
    for side, iris in enumerate((lm.RIGHT_IRIS, lm.LEFT_IRIS)):
        seen = opening[:, 7 * side : 7 * side + 7].mean(1) > _SEEN * float(parts.opening[side])
        if seen.any():
            expression[:, iris, 0] = np.interp(frames, frames[seen], expression[seen, iris[0], 0])[:, None]
    return replace(moves, expression=expression)


def mirrored(displacement: Array) -> Array:
    """What the other half of the face would do: displacements [..., 478, 3], mirrored."""
    return displacement[..., lm.MIRROR, :] * np.array([-1.0, 1.0, 1.0], np.float32)


def best_loop(moves: Moves, shortest: float, longest: float, overlap: int) -> Moves:
    """The stretch that closes best when its last `overlap` frames are cross-faded into its first: both alike and calm.

    Args:
        moves: of a clip.
        shortest, longest: seconds that the loop may last.
        overlap: frames.

    Raises:
        ClipError: the clip is too short for the shortest loop.
    """
    state = _visible_state(moves)
    speed = np.linalg.norm(np.gradient(state, axis=0), axis=1)
    best = (np.inf, 0, 0)
    for length in range(round(shortest * FPS), round(longest * FPS) + 1):
        apart = np.linalg.norm(state[length:] - state[: len(state) - length], axis=1)
        apart += 0.5 * overlap * (speed[length:] + speed[: len(speed) - length])
        if len(apart) < overlap:
            break
        cost = np.convolve(apart, np.full(overlap, 1.0 / overlap), mode="valid")
        start = int(np.argmin(cost))
        best = min(best, (float(cost[start]), start, start + length + overlap))
    if not np.isfinite(best[0]):
        raise ClipError(f"A clip of {len(moves) / FPS:.1f} s is too short for a loop of {shortest:g} s.")
    part = slice(best[1], best[2])
    return Moves(moves.rotation[part], moves.translation[part], moves.scale[part], moves.expression[part])


def _visible_state(moves: Moves) -> Array:
    """[T, ·]: where the tracked points stand, so that distances between rows say how unlike two frames look."""
    shape = canonical_face().points.numpy() + moves.expression
    points = np.einsum("tij,tnj->tni", moves.rotation, shape) + moves.translation[:, None]
    seen = lm.LIPS_INNER + lm.RIGHT_EYE + lm.LEFT_EYE + lm.RIGHT_IRIS + lm.LEFT_IRIS + lm.FACE_OVAL[::3]
    return (np.exp(moves.scale)[:, None, None] * points)[:, seen, :2].reshape(len(moves), -1)


def _resample(clip: Clip) -> Array:
    """The landmarks at `FPS`, linear between frames."""
    if abs(clip.fps - FPS) < 0.01:
        return clip.landmarks
    count = int((len(clip.landmarks) - 1) * FPS / clip.fps) + 1
    position = np.arange(count) * clip.fps / FPS
    first = np.minimum(position.astype(int), len(clip.landmarks) - 2)
    share = (position - first).astype(np.float32)[:, None, None]
    return clip.landmarks[first] * (1.0 - share) + clip.landmarks[first + 1] * share
