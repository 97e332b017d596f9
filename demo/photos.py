"""Several photos of a person: today the student takes one, so the one with the best face is chosen."""

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from ..runtime.errors import FaceError, PictureError, VivantError
from ..runtime.faces import Face, choose_faces, find_faces
from ..runtime.images import Photo, load_photo
from ..runtime.session import Bundle
from .limits import Limits, check_photo

ENOUGH_PIXELS: Final = 400.0  # a face larger than this shows no more at the sizes that are rendered
SHARP: Final = 60.0  # variance of the Laplacian at which a photo is half as good as a perfectly sharp one
LOOKED_AT: Final = 160  # side of the picture of the face whose sharpness is measured, pixels


@dataclass(frozen=True)
class Chosen:
    """The photo that is animated.

    Attributes:
        photo: its pixels, already reduced; face: the best face in it; name: what its owner called it.
        notes: what was chosen or changed, one sentence each.
    """

    photo: Photo
    face: Face
    name: str
    notes: tuple[str, ...]


class PhotoReader:
    """Reads visitors' photos, one at a time, so that several large ones never unpack side by side."""

    def __init__(self, bundle: Bundle, limits: Limits) -> None:
        self._bundle, self._limits = bundle, limits
        self._turn = threading.Lock()

    def best(self, paths: Sequence[Path]) -> Chosen:
        """The photo with the best face: large, frontal, sharp.

        Raises:
            PictureError, FaceError: no photo can be used; of several, the sentence about the first is told.
        """
        if not paths:
            raise PictureError("Add a photo first.")
        if len(paths) > self._limits.photos:
            raise PictureError(f"{len(paths)} photos are too many; up to {self._limits.photos} can be given.")
        best: Chosen | None = None
        most, number, first_error = -1.0, 0, None
        for i, path in enumerate(paths, 1):
            try:
                chosen = self._read(path)
            except VivantError as error:
                first_error = first_error or error
                continue
            score = quality(chosen.photo.pixels, chosen.face)
            if score > most:
                best, most, number = chosen, score, i
        if best is None:
            raise first_error or FaceError("No photo shows a face.")
        if len(paths) == 1:
            return best
        note = f"Of {len(paths)} photos, number {number} ({best.name}) shows the face best; this version animates one."
        return Chosen(best.photo, best.face, best.name, (note, *best.notes))

    def _read(self, path: Path) -> Chosen:
        with self._turn:
            check_photo(path, path.name, self._limits)
            try:
                photo = load_photo(path, self._limits.photo_side)
            except PictureError as error:
                raise PictureError(str(error).replace(str(path), path.name)) from None
        limits = self._bundle.manifest.thresholds
        if max(photo.pixels.shape[:2]) < limits.min_face:
            height, width = photo.pixels.shape[:2]
            raise FaceError(f"{path.name} has only {width}×{height} pixels; no face can be seen in it.")
        (face,), notes = choose_faces(find_faces(self._bundle, photo.pixels), None, limits, path.name)
        return Chosen(photo, face, path.name, (*photo.notes, *notes))


def quality(pixels: np.ndarray, face: Face) -> float:
    """How well a photo (uint8 [H, W, 3]) shows a face, 0..1: its size, how frontal and how sharp it is."""
    size = min(1.0, face.size / ENOUGH_PIXELS)
    frontal = math.cos(math.radians(face.yaw)) ** 2
    sharpness = _sharpness(pixels, face)
    return size * frontal * sharpness / (sharpness + SHARP)


def _sharpness(pixels: np.ndarray, face: Face) -> float:
    """Variance of the Laplacian of the face, in grey levels squared, at one size for all photos."""
    x0, y0, x1, y1 = (float(value) for value in face.box)
    grey = Image.fromarray(pixels).convert("L").crop((round(x0), round(y0), round(x1), round(y1)))
    g = np.asarray(grey.resize((LOOKED_AT, LOOKED_AT), Image.Resampling.BILINEAR), np.float32)
    laplacian = g[:-2, 1:-1] + g[2:, 1:-1] + g[1:-1, :-2] + g[1:-1, 2:] - 4.0 * g[1:-1, 1:-1]
    return float(laplacian.var())
