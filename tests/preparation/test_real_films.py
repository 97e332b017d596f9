"""Preparation on the training data, where it is: what JPEG loses, and cuts between real people."""

import csv
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from vivant.preparation.config import PreparationConfig
from vivant.preparation.crops import cut, scene_region
from vivant.preparation.cuts import CutDetector
from vivant.preparation.scenes import SceneFinder
from vivant.preparation.shards import Scene, decode_scene, encode_scene
from vivant.runtime.media import VideoReader
from vivant.runtime.session import Bundle

SIDE, FRAMES = 256, 24


@pytest.fixture(scope="module")
def people(data_folder: Path) -> list[Path]:
    """A film of each of eight people, always the same."""
    with (data_folder / "index.csv").open(newline="") as file:
        films = {row["person"]: data_folder / "videos" / row["file"] for row in csv.DictReader(file)}
    return [films[person] for person in sorted(films)[:: len(films) // 8]][:8]


def _beginning(path: Path) -> list[np.ndarray]:
    """The middle square of a film's first frames, uint8 [256, 256, 3]."""
    frames = []
    with VideoReader(path) as reader:
        for image in reader:
            height, width = image.shape[:2]
            side = min(height, width)
            top, left = (height - side) // 2, (width - side) // 2
            square = Image.fromarray(image[top : top + side, left : left + side])
            frames.append(np.asarray(square.resize((SIDE, SIDE), Image.Resampling.BOX)))
            if len(frames) == FRAMES:
                break
    return frames


def test_cuts_between_real_people_are_found_and_no_others(people: list[Path]) -> None:
    films = [_beginning(path) for path in people]
    is_cut = CutDetector()
    told = [number for number, frame in enumerate(chain.from_iterable(films)) if is_cut(frame)]
    assert told == list(np.cumsum([len(film) for film in films]))[:-1]


def test_a_real_scene_is_stored_in_a_tenth_and_nearly_as_it_was(people: list[Path], bundle: Bundle) -> None:
    """About 45 kB a frame, of 394 kB in arrays; about a grey level of loss (pytest -s tells)."""
    sizes, losses = [], []
    for path in people[:3]:
        scene = next(iter(SceneFinder(bundle, path, "video", PreparationConfig(fps=2.0, scene_frames=4))))
        landmarks = np.stack([sighting.landmarks for sighting in scene])
        region = scene_region(landmarks)
        crops = [cut(bundle, sighting.image, sighting.landmarks, region) for sighting in scene]
        meta = {"times": [sighting.time for sighting in scene]}
        sample = encode_scene(Scene("a/000", meta, landmarks, region, crops), PreparationConfig().quality)
        sizes.append(sum(len(value) for name, value in sample.items() if name != "__key__") / len(crops))
        for before, after in zip(crops, decode_scene(sample).crops, strict=True):
            losses.append(np.abs(before.frame.astype(float) - after.frame).mean())
    print(f"{np.mean(sizes) / 1e3:.1f} kB a frame, {np.mean(losses):.2f} grey levels of loss")
    assert np.mean(sizes) < 60_000
    assert np.mean(losses) < 1.5
