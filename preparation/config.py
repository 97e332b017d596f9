"""What a preparation is asked to do. A folder of shards keeps its configuration and is never continued with another."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from ..runtime.errors import VivantError
from ..runtime.manifest import Manifest
from ..runtime.outputs import replacing

FORMAT: Final = "vivant-shards-1"
CONFIG_FILE: Final = "preparation.json"
TRACKER_GRAPHS: Final = ("detect", "detect_far", "track", "matte")
PeopleRule = Literal["auto", "folder", "file"]


class PreparationError(VivantError):
    """A preparation cannot start or go on; `str(error)` is one sentence."""


@dataclass(frozen=True)
class Limits:
    """What a frame must fulfil to be kept.

    Attributes:
        video_eye_distance, photo_eye_distance: least distance between the outer eye corners, pixels of the file.
        video_yaw, photo_yaw, pitch: how far the head may be turned, degrees to either side.
        inside: least share of the 478 landmarks within the frame.
        rival: another face of at least this share of the face's size makes the frame ambiguous.
        person: least share of person within the face's oval: less, and the matte missed the face.
        sharpness: least `measures.sharpness` at the size of the prepared frame.
        change: most that a spot of the face may differ from itself in the rest of the scene (`occlusion`).
    """

    video_eye_distance: float = 20.0
    photo_eye_distance: float = 40.0
    video_yaw: float = 55.0
    photo_yaw: float = 45.0
    pitch: float = 40.0
    inside: float = 0.97
    rival: float = 0.6
    person: float = 0.9
    sharpness: float = 0.12
    change: float = 1.0


@dataclass(frozen=True)
class PreparationConfig:
    """How files become samples.

    Attributes:
        fps: frames kept a second of video.
        scene_frames: most frames of one sample; longer scenes are divided.
        quality: of the JPEGs, 1 to 100; None stores lossless WebP.
        heldout: share of people that are held out, drawn by their name; an `index.csv` decides for itself.
        people: who is who where no `index.csv` tells: the top-level folder, each file, or `auto`.
        limits: what a frame must fulfil.
    """

    fps: float = 8.0
    scene_frames: int = 96
    quality: int | None = 95
    heldout: float = 0.05
    people: PeopleRule = "auto"
    limits: Limits = field(default_factory=Limits)


def claim_output(output: Path, folder: Path, config: PreparationConfig, tracker: Manifest) -> None:
    """Make `output` the place of this preparation, or find that it already is.

    Raises:
        PreparationError: it holds other files, or shards that were prepared differently.
        OutputError: it cannot be written.
    """
    document = {
        "format": FORMAT,
        "folder": str(folder.resolve()),
        "config": asdict(config),
        "tracker": {name: tracker.graphs[name].sha256 for name in TRACKER_GRAPHS},
    }
    path = output / CONFIG_FILE
    if path.exists():
        _compare(_read(path), document, output)
        return
    if output.exists() and not output.is_dir():
        raise PreparationError(f"{output} is a file; shards need a folder.")
    if output.is_dir() and any(output.iterdir()):
        raise PreparationError(f"{output} holds other files; name an empty or a new folder for the shards.")
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PreparationError(f"The folder {output} cannot be made: {error.strerror}.") from None
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def _read(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        raise PreparationError(f"{path} cannot be read; name another folder for the shards.") from None


def _compare(before: dict[str, Any], now: dict[str, Any], output: Path) -> None:
    old, new = _flat(before), _flat(json.loads(json.dumps(now)))
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            raise PreparationError(
                f"{output} was prepared with {name} {old.get(name)!r}, not {new.get(name)!r}: "
                "use the same settings, or name another folder."
            )


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            result |= _flat(value, f"{name}." if prefix or name == "tracker" else "")
        else:
            result[prefix + name] = value
    return result
