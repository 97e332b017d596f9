"""Preparing one file: its scenes, cut and measured, in one part; or the reason why it gives none."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from ..runtime.errors import BundleError, OutputError, VivantError
from ..runtime.session import Bundle
from .config import Limits, PreparationConfig
from .crops import FRAME_SIZE, MATTE_SIZE, Crops, cut, scene_region
from .measures import face_oval, mouth_opening, person_share, sharpness
from .occlusion import changes, spot_colours
from .scenes import FEWEST, SceneFinder, Sighting
from .shards import PartWriter, Scene, encode_scene
from .sources import Source

BINS: Final = {"yaw": 5.0, "pitch": 5.0, "opening": 0.05}  # widths of the report's histograms
Status = Literal["kept", "rejected", "failed"]


@dataclass(frozen=True)
class SceneEntry:
    """A written scene: its key, frames, seconds from its first frame to its last, and its first byte in the part."""

    key: str
    frames: int
    seconds: float
    offset: int


@dataclass
class Outcome:
    """What became of a file. A failed one (the worker died or met something unforeseen) is tried again in a later run.

    Attributes:
        reason, detail: why nothing was kept: in few words, for counting, and in a sentence.
        decoded, looked, damaged, seconds: see `Tally`. kept: frames written. rejects: frames by reason.
        bytes: length of the part. scenes: in it. bins: kept frames by number of the histogram's bin.
        working: processor seconds that it took.
    """

    source: Source
    status: Status = "rejected"
    reason: str = ""
    detail: str = ""
    decoded: int = 0
    looked: int = 0
    kept: int = 0
    damaged: int = 0
    seconds: float = 0.0
    working: float = 0.0
    bytes: int = 0
    rejects: dict[str, int] = field(default_factory=dict)
    scenes: list[SceneEntry] = field(default_factory=list)
    bins: dict[str, dict[str, int]] = field(default_factory=lambda: {name: {} for name in BINS})

    def as_json(self) -> dict[str, Any]:
        """For the ledger."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Outcome:
        """From the ledger."""
        scenes = [SceneEntry(**entry) for entry in values["scenes"]]
        return cls(**(values | {"source": Source(**values["source"]), "scenes": scenes}))


def part_name(source: Source) -> str:
    """The name of a file's part, whatever characters its path has."""
    return hashlib.sha256(source.path.encode()).hexdigest()[:24] + ".tar"


def prepare_file(bundle: Bundle, folder: Path, source: Source, config: PreparationConfig, parts: Path) -> Outcome:
    """Prepare a file of `folder` into PARTS/`part_name`.

    Raises:
        OutputError: the part cannot be written. BundleError: a graph failed.
    """
    outcome = Outcome(source)
    finder = SceneFinder(bundle, folder / source.path, source.kind, config)
    try:
        with PartWriter(parts / part_name(source)) as part:
            _write_scenes(bundle, finder, config, part, outcome)
    except OSError as error:
        raise OutputError(f"Samples cannot be written to {parts}: {error.strerror or error}.") from None
    except BundleError:
        raise  # no fault of the file
    except VivantError as error:
        return Outcome(source, "rejected", "unreadable", str(error))
    tally = finder.tally
    outcome.decoded, outcome.looked, outcome.damaged = tally.decoded, tally.looked, tally.damaged
    outcome.seconds, outcome.rejects = tally.seconds, dict(tally.rejects)
    if outcome.kept:
        outcome.status = "kept"
    else:
        outcome.reason = tally.rejects.most_common(1)[0][0]
        outcome.detail = f"{source.path}: " + ", ".join(f"{n} × {why}" for why, n in tally.rejects.most_common())
    return outcome


def _write_scenes(
    bundle: Bundle, finder: SceneFinder, config: PreparationConfig, part: PartWriter, outcome: Outcome
) -> None:
    for number, sightings in enumerate(finder):
        scene = _scene(bundle, number, sightings, outcome.source, config, finder.tally.rejects)
        sightings.clear()  # whole images: the next scene needs the room
        if scene is None:
            continue
        offset = part.write(encode_scene(scene, config.quality))
        outcome.bytes = part.bytes
        outcome.kept += len(scene.crops)
        for name, width in BINS.items():
            counted = Counter(outcome.bins[name])
            counted.update(str(math.floor(value / width)) for value in scene.meta[name])
            outcome.bins[name] = dict(counted)
        times = scene.meta["times"]
        outcome.scenes.append(SceneEntry(scene.key, len(times), round(times[-1] - times[0], 3), offset))


def _scene(
    bundle: Bundle,
    number: int,
    sightings: list[Sighting],
    source: Source,
    config: PreparationConfig,
    rejects: Counter[str],
) -> Scene | None:
    """The scene's frames that are sharp and not hidden; None if too few are left."""
    region = scene_region(np.stack([sighting.landmarks for sighting in sightings]))
    all_crops = [cut(bundle, sighting.image, sighting.landmarks, region) for sighting in sightings]
    kept, crops = [], []
    reasons = _objections(sightings, all_crops, region, config.limits)
    for sighting, cropped, reason in zip(sightings, all_crops, reasons, strict=True):
        if reason:
            rejects[reason] += 1
        else:
            kept.append(sighting)
            crops.append(cropped)
    if len(kept) < FEWEST[source.kind]:
        if kept:
            rejects["short"] += len(kept)
        return None
    height, width = kept[0].image.shape[:2]
    meta = {
        "file": source.path, "person": source.person, "split": source.split, "kind": source.kind,
        "licence": source.licence, "scene": number, "width": width, "height": height,
        "times": [round(s.time, 4) for s in kept],
        "yaw": [round(s.yaw, 1) for s in kept],
        "pitch": [round(s.pitch, 1) for s in kept],
        "opening": [round(mouth_opening(s.landmarks), 4) for s in kept],
    }  # fmt: skip
    landmarks = np.stack([sighting.landmarks for sighting in kept])
    return Scene(f"{source.path}/{number:03d}", meta, landmarks, region, crops)


def _objections(
    sightings: list[Sighting], crops: list[Crops], region: NDArray[np.float32], limits: Limits
) -> list[str]:
    """Why frames of a scene are of no use, seen closely; nothing for those that are of use."""
    colours = [spot_colours(c.frame, s.landmarks, region) for s, c in zip(sightings, crops, strict=True)]
    change = changes(np.stack(colours), np.array([s.yaw for s in sightings], np.float32))
    reasons = []
    for sighting, cropped, changed in zip(sightings, crops, change, strict=True):
        reason = "hidden" if changed > limits.change else ""
        if sharpness(cropped.frame, face_oval(sighting.landmarks, region, FRAME_SIZE)) < limits.sharpness:
            reason = "blurred"
        if person_share(cropped.matte, face_oval(sighting.landmarks, region, MATTE_SIZE)) < limits.person:
            reason = "no matte"
        reasons.append(reason)
    return reasons
