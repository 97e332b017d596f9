"""Photos of one person: the first one moves, the others show what it hides."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..runtime.driver import Progress, no_progress
from ..runtime.errors import FaceError, PictureError
from ..runtime.faces import Face, choose_faces, find_faces
from ..runtime.images import Photo, load_photo
from ..runtime.session import Bundle
from .limits import Limits, check_count, check_photo


@dataclass(frozen=True)
class Chosen:
    """A photo that was read.

    Attributes:
        photo: its pixels, already reduced; face: the largest face in it; name: what its owner called it.
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

    def first(self, paths: Sequence[Path]) -> Chosen:
        """The photo that moves.

        Raises:
            PictureError, FaceError: there is none, there are too many, or this one cannot be used.
        """
        if not paths:
            raise PictureError("Add a photo first.")
        check_count(len(paths), self._limits)
        first = self._read(paths[0])
        return Chosen(first.photo, first.face, first.name, (*_use_of_others(first.name, len(paths) - 1), *first.notes))

    def others(self, paths: Sequence[Path], progress: Progress = no_progress) -> Iterator[Chosen]:
        """All photos but the first, one after the other; told to `progress` as the stage "looking".

        Raises:
            PictureError, FaceError: one of them cannot be used.
        """
        for i, path in enumerate(paths[1:], 1):
            progress("looking", i, len(paths) - 1)
            yield self._read(path)

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


def faces_of(photos: Sequence[Chosen]) -> list[tuple[np.ndarray, Face]]:
    """Pixels and face of each, as `Portrait` takes more photos of a person."""
    return [(one.photo.pixels, one.face) for one in photos]


def _use_of_others(name: str, others: int) -> list[str]:
    if others == 0:
        return []
    return [f"{name} moves; mouth and eyes come from whichever of the {others + 1} photos fits the moment."]
