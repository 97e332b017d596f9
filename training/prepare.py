"""Turns films and photos into the cache that training reads: tracked, cut into squares and face-aligned patches.

    python -m vivant.training.prepare --data DATA --output CACHE

DATA holds `videos/`, `photos/` and `index.csv` (columns file, person, split). Landmarks and mattes come from the
bundle's own graphs. A file that cannot be used is named and left out; finished files are not done again.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from rich.progress import Progress
from torch import Tensor

from ..models.geometry import pixel_grid
from ..models.patch import EYE, MOUTH, PatchConfig, PatchFrame, eye_frame, mouth_frame
from ..models.student import sample_photo
from ..runtime.driver import FaceFollower
from ..runtime.errors import VivantError
from ..runtime.images import load_photo
from ..runtime.media import VideoReader
from ..runtime.session import Bundle
from .clips import EYE_SIDE, FRAME_SIDE, MOUTH_SIDE

FRAME_SIZE, MOUTH_SIZE, EYE_SIZE, MATTE_SIZE = 304, 128, 80, 152
FRAMES_PER_SECOND = 8.0
MIN_EYE_DISTANCE = {"video": 20.0, "photo": 40.0}  # pixels
MAX_YAW = {"video": 55.0, "photo": 45.0}  # degrees
JUMP = 0.6  # eye distances the face's centre may move between frames; more is a cut
ARRAYS = ("frames", "mouth", "eyes", "matte", "lm", "region")


@dataclass(frozen=True)
class Job:
    """One file to prepare."""

    path: Path
    person: str
    split: str
    kind: str


@dataclass(frozen=True)
class Sighting:
    """A usable face: landmarks [478, 3] in pixels, at second `time`, in the uncut stretch `scene`."""

    number: int
    landmarks: np.ndarray
    time: float
    scene: int


def jobs_of(data: Path) -> list[Job]:
    """All films that `index.csv` names, and all photos (their people are in no film: all are for training)."""
    with (data / "index.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    films = [Job(data / "videos" / r["file"], r["person"], r["split"], "video") for r in rows]
    photos = [Job(p, f"photo:{p.name}", "train", "photo") for p in sorted((data / "photos").glob("*.jpg"))]
    return films + photos


@cache
def _bundle() -> Bundle:
    torch.set_num_threads(1)
    return Bundle(threads=1)


def prepare_file(job: Job, folder: Path) -> int:
    """Prepare one file into FOLDER/NAME.npz and .json; returns the number of frames kept.

    Raises:
        VivantError: the file cannot be read or shows no usable face.
    """
    images, sightings = _look(job)
    rows: dict[str, list[np.ndarray]] = {name: [] for name in ARRAYS}
    index = []
    for sighting, image, region in _with_regions(sightings, images, job):
        for name, value in zip(ARRAYS, _cut(image, sighting.landmarks, region), strict=True):
            rows[name].append(value)
        height, width = image.shape[:2]
        entry = {"file": job.path.name, "person": job.person, "split": job.split, "kind": job.kind}
        index.append(entry | {"seg": sighting.scene, "t": sighting.time, "width": width, "height": height})
    if not index:
        raise VivantError(f"{job.path.name} shows no face that is large and frontal enough.")
    temporary = folder / f".{job.path.name}.npz"
    np.savez(temporary, **{name: np.stack(values) for name, values in rows.items()})  # type: ignore[arg-type]
    (folder / f"{job.path.name}.json").write_text(json.dumps(index))
    os.replace(temporary, folder / f"{job.path.name}.npz")
    return len(index)


def _look(job: Job) -> tuple[dict[int, np.ndarray], list[Sighting]]:
    """Track the file; keep the images of usable frames, about `FRAMES_PER_SECOND` of them."""
    follower = FaceFollower(_bundle())
    images: dict[int, np.ndarray] = {}
    sightings: list[Sighting] = []
    scene, previous = 0, None
    for number, (time, image, wanted) in enumerate(_frames(job)):
        face, cut = follower(image)
        if face is None:
            scene, previous = scene + 1, None
            continue
        unit = face.eye_distance
        centre = face.landmarks[:, :2].mean(0)
        if cut or (previous is not None and np.linalg.norm(centre - previous) > JUMP * unit):
            scene += 1
        previous = centre
        if wanted and unit >= MIN_EYE_DISTANCE[job.kind] and abs(face.yaw) <= MAX_YAW[job.kind]:
            images[number] = image
            sightings.append(Sighting(number, face.landmarks, time, scene))
    return images, sightings


def _frames(job: Job) -> Iterator[tuple[float, np.ndarray, bool]]:
    """(seconds, image, whether this frame is kept) of a film or photo."""
    if job.kind == "photo":
        yield 0.0, load_photo(job.path).pixels, True
        return
    with VideoReader(job.path) as reader:
        step = max(1, round(reader.fps / FRAMES_PER_SECOND))
        for number, image in enumerate(reader):
            yield number / reader.fps, image, number % step == 0


def _with_regions(
    sightings: list[Sighting], images: dict[int, np.ndarray], job: Job
) -> Iterator[tuple[Sighting, np.ndarray, np.ndarray]]:
    """Every scene gets one square, so that its background stands still."""
    for scene in sorted({s.scene for s in sightings}):
        chosen = [s for s in sightings if s.scene == scene]
        if job.kind == "video" and len(chosen) < 3:
            continue
        points = np.stack([s.landmarks for s in chosen])
        unit = np.median(np.linalg.norm(points[:, 263] - points[:, 33], axis=-1))
        centre = np.median((points[..., :2].min(1) + points[..., :2].max(1)) / 2, axis=0)
        region = np.array([centre[0], centre[1] - 0.12 * unit, FRAME_SIDE * unit], np.float32)
        for sighting in chosen:
            yield sighting, images[sighting.number], region


@torch.no_grad()
def _cut(image: np.ndarray, landmarks: np.ndarray, region: np.ndarray) -> tuple[np.ndarray, ...]:
    photo = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float()
    points = torch.from_numpy(landmarks[None, :, :2].copy())
    square = PatchFrame(torch.from_numpy(region[None, :2]), torch.eye(2)[None] * float(region[2]) / 2)
    frame = _bytes(_sample(photo, square, FRAME_SIZE))
    mouth = _bytes(_sample(photo, _widened(mouth_frame(points), MOUTH, MOUTH_SIDE), MOUTH_SIZE))
    eyes = [_widened(eye_frame(points, left), EYE, EYE_SIDE) for left in (False, True)]
    right, left = (_bytes(_sample(photo, eye, EYE_SIZE)) for eye in eyes)
    matte = _bundle().graph("matte")({"image": image, "region": np.append(region, 0).astype(np.float32)})["matte"]
    small = torch.nn.functional.interpolate(torch.from_numpy(matte), MATTE_SIZE, mode="bilinear", antialias=True)
    # The cache holds the left eye as it is in the picture; its patch frame is mirrored.
    eyes_array = np.stack([right, left[:, ::-1]])
    return frame, mouth, eyes_array, _bytes(small * 255)[..., 0], landmarks, region


def _widened(frame: PatchFrame, config: PatchConfig, side: float) -> PatchFrame:
    return PatchFrame(frame.centre, frame.axes * (side / config.side))


def _sample(photo: Tensor, frame: PatchFrame, size: int) -> Tensor:
    where = frame.from_patch(pixel_grid(size)).reshape(1, size, size, 2)
    return sample_photo(photo, where, frame.axes[0, 0].norm() * (2.0 / size))


def _bytes(picture: Tensor) -> np.ndarray:
    return (picture[0].permute(1, 2, 0) + 0.5).clamp(0, 255).byte().numpy()


def merge(parts: Path, output: Path) -> int:
    """Join all prepared files into the cache's arrays; returns the number of rows."""
    files = sorted(parts.glob("*.npz"))
    index = []
    for clip, file in enumerate(files):
        index += [{**entry, "clip": clip} for entry in json.loads(file.with_suffix(".json").read_text())]
    for name in ARRAYS:
        merged, row = None, 0
        for file in files:
            with np.load(file) as part:
                values = part[name]
            if merged is None:
                shape = (len(index), *values.shape[1:])
                merged = np.lib.format.open_memmap(output / f"{name}.npy", "w+", values.dtype, shape)
            merged[row : row + len(values)] = values
            row += len(values)
    (output / "index.json").write_text(json.dumps(index))
    return len(index)


def prepare(data: Path, output: Path, workers: int) -> None:
    """Prepare everything in DATA; see the module's text."""
    parts = output / "parts"
    parts.mkdir(parents=True, exist_ok=True)
    jobs = [job for job in jobs_of(data) if not (parts / f"{job.path.name}.npz").exists()]
    with ProcessPoolExecutor(workers) as pool, Progress() as progress:
        task = progress.add_task("preparing", total=len(jobs))
        running = {pool.submit(prepare_file, job, parts): job for job in jobs}
        for future in as_completed(running):
            try:
                future.result()
            except VivantError as error:
                progress.console.print(f"left out: {error}")
            progress.advance(task)
    rows = merge(parts, output)
    shutil.rmtree(parts)
    print(f"{rows} frames in {output}")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    prepare(arguments.data, arguments.output, arguments.workers)


if __name__ == "__main__":
    main()
