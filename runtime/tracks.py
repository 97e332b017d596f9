"""Motion tracks: what a face does over time, without a picture of whose face it was.

A track is a safetensors file with the tensors `rotation` [T, 3, 3], `translation` [T, 3], `scale` [T], `expression`
[T, B] and `basis` [B, 478, 3], all float32, and string metadata. They mean what the graph `motion` returns; a frame's
displacements are `expression @ basis`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from .errors import MotionError
from .outputs import replacing

FORMAT: Final = "vivant-motion-1"
LANDMARKS: Final = 478
MAX_FPS: Final = 240.0
MAX_BYTES: Final = 256 * 2**20

Array = NDArray[np.float32]
Numbers = NDArray[np.floating]


@dataclass(frozen=True)
class MotionFrame:
    """One moment of a track: the inputs of the graph `retarget` besides the source and the gains.

    Attributes:
        rotation: [3, 3], how the head turned, in camera axes.
        translation: [3], shift of the head's centre, in outer-eye-corner distances.
        scale: [], natural log of the growth.
        expression: [478, 3], displacements in the face's own axes, in outer-eye-corner distances.
    """

    rotation: Array
    translation: Array
    scale: Array
    expression: Array


@dataclass(frozen=True)
class TrackInfo:
    """What a track says about itself; `source` names what it was made from."""

    name: str
    title: str
    description: str
    licence: str
    source: str


@dataclass(frozen=True)
class MotionTrack:
    """A motion at a constant frame rate; shapes as in the module's text.

    Raises:
        MotionError: shapes do not fit each other, numbers are not finite, rotations are none, or the rate is absurd.
    """

    rotation: Array
    translation: Array
    scale: Array
    expression: Array
    basis: Array
    fps: float
    loop: bool
    info: TrackInfo

    def __post_init__(self) -> None:
        _check(self)

    def __len__(self) -> int:
        return len(self.rotation)

    @property
    def seconds(self) -> float:
        """How long the track lasts; a loop begins again then."""
        return len(self) / self.fps

    def frame(self, index: int) -> MotionFrame:
        """The frame of this number; a loop goes on for ever in both directions, another track stays at its ends."""
        i = index % len(self) if self.loop else min(max(index, 0), len(self) - 1)
        displacement = np.tensordot(self.expression[i], self.basis, axes=1).astype(np.float32)
        return MotionFrame(self.rotation[i], self.translation[i], self.scale[i], displacement)

    def resample(self, fps: float) -> Self:
        """The same motion at another frame rate; a loop stays seamless, its length may change by half a frame.

        Raises:
            MotionError: the frame rate is not above 0 and at most `MAX_FPS`.
        """
        _check_fps(fps)
        count = max(1, round(len(self) * fps / self.fps))
        position = np.arange(count) * (len(self) / count if self.loop else self.fps / fps)
        first = np.floor(position).astype(int)
        share = np.asarray(position - first, np.float32)
        last = len(self) - 1
        a, b = (
            (first % len(self), (first + 1) % len(self))
            if self.loop
            else (first.clip(0, last), (first + 1).clip(0, last))
        )
        return replace(
            self,
            rotation=blend_rotations(self.rotation[a], self.rotation[b], share),
            translation=_blend(self.translation[a], self.translation[b], share),
            scale=_blend(self.scale[a], self.scale[b], share),
            expression=_blend(self.expression[a], self.expression[b], share),
            fps=float(fps),
        )

    def seamless(self, overlap: int) -> Self:
        """A loop of this track, shorter by `overlap` frames: its start is cross-faded with what followed its new end.

        Raises:
            MotionError: the overlap is not positive, or longer than half the track.
        """
        if not 0 < overlap <= len(self) // 2:
            raise MotionError(f"A track of {len(self)} frames cannot be looped with an overlap of {overlap} frames.")
        kept = len(self) - overlap
        x = (np.arange(overlap, dtype=np.float32) + 1.0) / (overlap + 1.0)
        share = np.asarray(x * x * (3.0 - 2.0 * x), np.float32)

        def fade(values: Array) -> Array:
            return np.concatenate([_blend(values[kept:], values[:overlap], share), values[overlap:kept]])

        start = blend_rotations(self.rotation[kept:], self.rotation[:overlap], share)
        return replace(
            self,
            rotation=np.concatenate([start, self.rotation[overlap:kept]]),
            translation=fade(self.translation),
            scale=fade(self.scale),
            expression=fade(self.expression),
            loop=True,
        )

    def beginning_at(self, frame: int) -> Self:
        """The same loop, beginning at another of its frames.

        Raises:
            MotionError: the track is no loop.
        """
        if not self.loop:
            raise MotionError("Only a loop can begin at any of its frames.")
        parts = {name: np.roll(getattr(self, name), -frame, axis=0) for name in _DIMENSIONS if name != "basis"}
        return replace(self, **parts)

    def save(self, path: Path) -> None:
        """Writes the track; a file of this name is replaced only once the new one is complete.

        Raises:
            OutputError: the file cannot be written.
        """
        tensors = {name: np.ascontiguousarray(getattr(self, name)) for name in _DIMENSIONS}
        metadata = {
            "format": FORMAT,
            "fps": repr(self.fps),
            "loop": "true" if self.loop else "false",
            **vars(self.info),
        }
        with replacing(path) as temporary:
            temporary.write_bytes(save(tensors, metadata))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads a track.

        Raises:
            MotionError: there is no such file, or it is no sound motion track.
        """
        if not path.is_file():
            raise MotionError(f"There is no motion track {path}.")
        if path.stat().st_size > MAX_BYTES:
            raise MotionError(f"{path} is too large for a motion track.")
        try:
            with safe_open(path, framework="numpy") as file:
                metadata = dict(file.metadata() or {})
                if metadata.get("format") != FORMAT:
                    raise MotionError(f"{path} is no motion track of the format {FORMAT}.")
                tensors = {name: np.asarray(file.get_tensor(name)) for name in _DIMENSIONS}
        except (SafetensorError, OSError, TypeError):
            raise MotionError(f"{path} is damaged or no motion track.") from None
        try:
            return cls(**tensors, fps=_fps(metadata), loop=_loop(metadata), info=_info(metadata))
        except MotionError as error:
            raise MotionError(f"{path} cannot be used: {error}") from None


_DIMENSIONS: Final = {
    "rotation": (None, 3, 3),
    "translation": (None, 3),
    "scale": (None,),
    "expression": (None, None),
    "basis": (None, LANDMARKS, 3),
}


def factorise(displacements: Numbers, rank: int, importance: Numbers | None = None) -> tuple[Array, Array]:
    """The best approximation of displacements by a few shapes.

    Args:
        displacements: [T, 478, 3].
        rank: how many shapes at most; shapes that add less than a ten-thousandth are left out.
        importance: [478], weights of the landmarks' squared errors, positive; all alike if None.

    Returns:
        expression: [T, B] and basis: [B, 478, 3] with B ≤ rank, so that `expression @ basis` ≈ displacements.
    """
    root = np.ones(LANDMARKS, np.float32) if importance is None else np.sqrt(importance)
    weighted = (displacements * root[:, None]).reshape(len(displacements), -1)
    u, s, v = np.linalg.svd(weighted, full_matrices=False)
    kept = max(1, min(rank, int((s > 1e-4 * s[0]).sum())))
    basis = v[:kept].reshape(-1, LANDMARKS, 3) / root[:, None]
    return (u[:, :kept] * s[:kept]).astype(np.float32), basis.astype(np.float32)


def blend_rotations(a: Numbers, b: Numbers, share: Numbers) -> Array:
    """Rotations ([T, 3, 3]) between `a` (share 0) and `b` (share 1): the mean matrix's nearest rotation."""
    u, _, v = np.linalg.svd(_blend(a, b, share).astype(np.float64))
    # Between rotations less than 180° apart the mean has a positive determinant, so u @ v is a rotation.
    return (u @ v).astype(np.float32)


def _blend(a: Numbers, b: Numbers, share: Numbers) -> Array:
    share = share.reshape(-1, *[1] * (a.ndim - 1))
    return np.asarray(a + (b - a) * share, np.float32)


def _check(track: MotionTrack) -> None:
    for name, dimensions in _DIMENSIONS.items():
        array = getattr(track, name)
        if array.dtype != np.float32:
            raise MotionError(f"{name} must be float32, not {array.dtype}.")
        fits = array.ndim == len(dimensions) and all(
            d in (None, n) for d, n in zip(dimensions, array.shape, strict=True)
        )
        if not fits:
            expected = " × ".join("any" if d is None else str(d) for d in dimensions)
            raise MotionError(f"{name} has the shape {array.shape}, not {expected}.")
        if not np.isfinite(array).all():
            raise MotionError(f"{name} holds numbers that are not finite.")
    counts = {len(track.rotation), len(track.translation), len(track.scale), len(track.expression)}
    if len(counts) != 1 or not len(track.rotation):
        raise MotionError("it must have at least one frame, and as many of each kind of motion.")
    if track.expression.shape[1] != len(track.basis):
        raise MotionError("expression and basis do not have the same number of shapes.")
    identity = np.einsum("tij,tkj->tik", track.rotation, track.rotation) - np.eye(3, dtype=np.float32)
    if np.abs(identity).max() > 1e-3 or np.linalg.det(track.rotation).min() < 0:
        raise MotionError("rotation holds matrices that are no rotations.")
    _check_fps(track.fps)


def _check_fps(fps: float) -> None:
    if not 0 < fps <= MAX_FPS:
        raise MotionError(f"the frame rate must be above 0 and at most {MAX_FPS:g}, not {fps:g}.")


def _fps(metadata: Mapping[str, str]) -> float:
    try:
        return float(metadata["fps"])
    except (KeyError, ValueError):
        raise MotionError("its metadata name no frame rate.") from None


def _loop(metadata: Mapping[str, str]) -> bool:
    if metadata.get("loop") not in ("true", "false"):
        raise MotionError("its metadata do not say whether it loops.")
    return metadata["loop"] == "true"


def _info(metadata: Mapping[str, str]) -> TrackInfo:
    missing = [key for key in ("name", "title", "description", "licence", "source") if key not in metadata]
    if missing:
        raise MotionError(f"its metadata lack {missing[0]!r}.")
    return TrackInfo(*(metadata[key] for key in ("name", "title", "description", "licence", "source")))
