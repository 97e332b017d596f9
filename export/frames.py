"""Frames on which precisions are calibrated and compared: real photos, moved by every kind of motion of the presets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from ..models import landmarks as lm
from ..runtime.errors import FaceError
from ..runtime.faces import find_faces
from ..runtime.images import load_photo
from ..runtime.session import Bundle, Tensors
from ..runtime.tracks import MotionTrack

SAMPLES: Final = Path(__file__).resolve().parents[1] / "models" / "samples"
_MARGIN: Final = 0.25  # of a part's size: what lies around a mouth or an eye moves with it
PARTS: Final = {"mouth": (lm.LIPS_OUTER,), "eyes": (lm.RIGHT_EYE, lm.LEFT_EYE)}


@dataclass(frozen=True)
class Frame:
    """One run of `render`.

    Attributes:
        photo: the photo's name. motion: the preset's name and the frame's number in it.
        feeds: `render`'s inputs. parts: for mouth and eyes, where they are in the frame, bool [S, S].
    """

    photo: str
    motion: str
    feeds: Tensors
    parts: dict[str, np.ndarray]


def make_frames(bundle: Bundle, photos: Sequence[Path] = (), size: int = 256, count: int = 12) -> list[Frame]:
    """Encodes each photo's largest face and moves it by `count` frames, taken in turn from all presets.

    Args:
        bundle: gives detector, tracker, encoder and retargeting.
        photos: pictures of faces; the shipped samples by default. size: pixels on a side of the frames.

    Raises:
        FaceError: a photo shows no face. PictureError: a file is no picture.
    """
    return [
        frame for photo in photos or sorted(SAMPLES.glob("*.jpg")) for frame in _of_photo(bundle, photo, size, count)
    ]


def _of_photo(bundle: Bundle, path: Path, size: int, count: int) -> Iterator[Frame]:
    picture = load_photo(path).pixels
    faces = find_faces(bundle, picture)
    if not faces:
        raise FaceError(f"No face was found in {path.name}.")
    source = max(faces, key=lambda face: face.size).landmarks
    region = bundle.graph("head")({"landmarks": source})["region"]
    matte = bundle.graph("matte")({"image": picture, "region": region})["matte"]
    request = {
        "image": picture,
        "landmarks": source,
        "region": region,
        "matte": matte,
        "size": np.array(size, np.int64),
    }
    encoded = bundle.graph("encode")(request)
    names = [name for name in bundle.graph("render").inputs if name != "target"]
    gains = np.ones(5, np.float32)
    presets = sorted(bundle.manifest.presets)
    for index in range(count):
        preset = presets[index % len(presets)]
        track = MotionTrack.load(bundle.preset(preset))
        # The golden ratio spreads the frames over each preset without hitting two alike.
        number = int((index + 1) * 0.618 * len(track)) % len(track)
        target = bundle.graph("retarget")({"source": source, **vars(track.frame(number)), "gains": gains})["target"]
        feeds = {name: encoded[name] for name in names} | {"target": target}
        yield Frame(path.stem, f"{preset} {number}", feeds, _parts(target, region, size))


def _parts(target: np.ndarray, region: np.ndarray, size: int) -> dict[str, np.ndarray]:
    """Boxes around mouth and eyes, with a margin."""
    corner, step = region[:2] - region[2] / 2, region[2] / size
    masks = {}
    for name, rings in PARTS.items():
        masks[name] = np.zeros((size, size), bool)
        for ring in rings:
            points = (target[list(ring), :2] - corner) / step
            low, high = points.min(0), points.max(0)
            reach = _MARGIN * (high - low).max()
            (x0, y0), (x1, y1) = np.maximum(low - reach, 0).astype(int), np.ceil(high + reach).astype(int)
            masks[name][y0:y1, x0:x1] = True
    return masks
