"""Films and photos of two sample people for the tests of preparation."""

from pathlib import Path

import numpy as np
import pytest
from clipmaking import write_video
from PIL import Image

SAMPLES = Path(__file__).parents[2] / "models" / "samples"
Frame = np.ndarray


def portrait(name: str, side: int = 320) -> Frame:
    """A sample person's head and shoulders, uint8 [side, side, 3]."""
    left, top, size = {"astronaut": (60, 0, 340), "grace_hopper": (70, 0, 400)}[name]
    with Image.open(SAMPLES / f"{name}.jpg") as picture:
        head = picture.convert("RGB").crop((left, top, left + size, top + size))
        return np.asarray(head.resize((side, side), Image.Resampling.LANCZOS))


def drifting(picture: Frame, frames: int = 6, step: int = 2) -> list[Frame]:
    """A film of a picture that moves to the right."""
    return [np.roll(picture, step * number, 1) for number in range(frames)]


@pytest.fixture(scope="session")
def anna() -> Frame:
    """One person."""
    return portrait("astronaut")


@pytest.fixture(scope="session")
def grace() -> Frame:
    """Another person."""
    return portrait("grace_hopper")


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory, anna: Frame, grace: Frame) -> Path:
    """A folder as VoxCeleb2's: two people, two videos each, of which one has two clips; 6 frames a clip."""
    folder = tmp_path_factory.mktemp("vox")
    for person, picture in (("id00001", anna), ("id00002", grace)):
        for number, clip in enumerate(("aaa/00001.mp4", "aaa/00002.mp4", "bbb/00001.mp4")):
            path = folder / person / clip
            path.parent.mkdir(parents=True, exist_ok=True)
            write_video(path, drifting(picture, step=2 + number), fps=8)
    return folder
