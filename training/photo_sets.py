"""Photos of one person, made ready for a teacher."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F

from ..models.geometry import normalise_points, pixel_grid, warp_by_landmarks
from ..models.landmark_picture import drawing
from ..models.motion import Retarget
from ..models.student import sample_photo
from ..models.warp_branch import SEEN, Photos
from ..runtime.errors import FaceError
from ..runtime.faces import choose_faces, find_faces
from ..runtime.images import load_photo
from ..runtime.session import BUNDLED, Bundle

MAX_PHOTOS = 32
PRESETS = BUNDLED.parent / "presets"


def load_photos(bundle: Bundle, paths: Sequence[Path], size: int) -> Photos:
    """The largest face of every picture, cut to the square that is animated: leading dimension 1.

    Raises:
        PictureError: a picture cannot be read. FaceError: one shows no usable face, or there are none or too many.
    """
    if not 1 <= len(paths) <= MAX_PHOTOS:
        raise FaceError(f"1 to {MAX_PHOTOS} photos of one person are needed, not {len(paths)}.")
    parts = []
    for path in paths:
        pixels = load_photo(path).pixels
        faces, _ = choose_faces(find_faces(bundle, pixels), None, bundle.manifest.thresholds, path.name)
        landmarks = faces[0].landmarks
        region = bundle.graph("head")({"landmarks": landmarks})["region"]
        parts.append((pixels, landmarks, region))
    return photos_of(bundle, parts, size)


def photos_of(
    bundle: Bundle, parts: Sequence[tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]], size: int
) -> Photos:
    """Photos from each one's (picture uint8 [H, W, 3], landmarks [478, 3] pixels, region [4]), leading dimension 1."""
    pictures, mattes, points = [], [], []
    for pixels, landmarks, region in parts:
        square = torch.from_numpy(np.asarray(region, np.float32))
        where = square[:2] + pixel_grid(size).reshape(1, size, size, 2) * (0.5 * square[2])
        photo = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float()
        pictures.append(sample_photo(photo, where, square[2] / size)[0].clamp(0, 255) / 255)
        matte = torch.from_numpy(bundle.graph("matte")({"image": pixels, "region": square.numpy()})["matte"])
        mattes.append(F.interpolate(matte, size=(SEEN, SEEN), mode="bilinear", antialias=True)[0])
        points.append(normalise_points(torch.from_numpy(landmarks.copy()), square))
    drawn = [drawing(p, size) for p in points]
    return Photos(*(torch.stack(column)[None] for column in (pictures, drawn, points, mattes)))


def moved_photo(photos: Photos, which: int, generator: torch.Generator) -> Photos:
    """One photo, moved by the geometry to an expression and pose of a shipped motion: a source for the genuine photo,
    where the person has no second one. Leading dimensions 1, 1."""
    points = photos.points[0, which]
    target = other_points(points, generator)
    moved = [
        warp_by_landmarks(maps[0, which : which + 1], points[None, :, :2], target[None, :, :2])
        for maps in (photos.pictures, photos.mattes)
    ]
    drawn = drawing(target, photos.pictures.shape[-1])[None].to(points.device)
    return Photos(moved[0][None], drawn[None], target[None, None], moved[1][None])


def other_points(points: Tensor, generator: torch.Generator) -> Tensor:
    """These landmarks [478, 3] with the motion of a random moment of the shipped presets."""
    retarget, tracks = _motions()
    track = tracks[int(torch.randint(len(tracks), (), generator=generator))]
    moment = int(torch.randint(len(track["scale"]), (), generator=generator))
    expression = (track["expression"][moment] @ track["basis"].flatten(1)).reshape(-1, 3)
    motion = [track[name][moment] for name in ("rotation", "translation", "scale")]
    # In hundreds, as if pixels: the motion's arithmetic guards against division by small numbers of them.
    return (retarget(points.cpu() * 100.0, *motion, expression, torch.ones(5)) / 100.0).to(points.device)


@cache
def _motions() -> tuple[Retarget, list[dict[str, Tensor]]]:
    return Retarget(), [load_file(path) for path in sorted(PRESETS.glob("*.safetensors"))]
